import pg from 'pg';
import type { Deployments } from './kubernetes/deployments.ts';
import type { Ledger } from './pods/ledger.ts';
import type { Cluster, Fleet } from './types.ts';

export interface ServerLook {
  readonly name: string;
  readonly writesPerSecond: number;
  readonly sessions: readonly { readonly user: string; readonly application: string; readonly count: number }[];
}
/** What the page's right half shows. */
export interface WorldLook {
  readonly at: number;
  readonly old: ServerLook | null;
  readonly new: ServerLook | null;
  readonly pods: readonly { readonly name: string; readonly server: string; readonly acknowledged: number; readonly failed: number }[];
  readonly lost: number;
  readonly doubled: number;
  readonly lagBytes: number;
  readonly retainedWalBytes: number;
  readonly flags: Readonly<Record<string, string>>;
}
const everyMs = 1_000;

/** Looks at both servers once a second while somebody watches; nobody watching costs nothing. */
export function createWatch({
  fleet,
  ledger,
  deployments,
  flags,
}: {
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly deployments: Deployments;
  readonly flags: Map<string, string>;
}) {
  const listeners = new Set<(look: WorldLook) => void>();
  const clients = new Map<string, pg.Client>();
  let timer: NodeJS.Timeout | undefined;
  let counted = { lost: 0, doubled: 0 };

  async function client(cluster: Cluster): Promise<pg.Client> {
    const known = clients.get(cluster.name);
    if (known) return known;
    const fresh = new pg.Client({
      ...cluster.admin,
      database: 'postgres',
      application_name: 'sandbox-watch',
      ssl: { rejectUnauthorized: false },
    });
    fresh.on('error', () => clients.delete(cluster.name));
    await fresh.connect();
    clients.set(cluster.name, fresh);
    return fresh;
  }

  async function serverLook(cluster: Cluster | undefined): Promise<ServerLook | null> {
    if (!cluster?.running()) return null;
    const writesPerSecond = ledger.rate(cluster.host);
    try {
      const { rows } = await (await client(cluster)).query<{ user: string; application: string; count: number }>(
        `select usename as user, regexp_replace(application_name, '-[0-9a-f]{6}$', '') as application, count(*)::int as count
         from pg_stat_activity where backend_type = 'client backend' and application_name <> 'sandbox-watch' group by 1, 2 order by 1, 2`,
      );
      return { name: cluster.name, writesPerSecond, sessions: rows };
    } catch {
      clients.delete(cluster.name);
      return { name: cluster.name, writesPerSecond, sessions: [] };
    }
  }

  async function slots(cluster: Cluster | undefined): Promise<{ lag: number; retained: number }> {
    if (!cluster?.running()) return { lag: 0, retained: 0 };
    try {
      const { rows } = await (await client(cluster)).query<{ lag: string; retained: string }>(
        `select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)), 0)::bigint as lag,
                coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::bigint as retained
         from pg_replication_slots`,
      );
      return { lag: Number(rows[0]?.lag ?? 0), retained: Number(rows[0]?.retained ?? 0) };
    } catch {
      return { lag: 0, retained: 0 };
    }
  }

  async function look(): Promise<WorldLook> {
    // The environment that moves is the one that has a second server.
    const clusters = fleet.list();
    const fresh = clusters.findLast(({ name }) => !name.endsWith('-pg15'));
    const old = fresh ? clusters.find(({ name }) => name === fresh.name.replace(/pg\d+$/, 'pg15')) : clusters[0];
    const [oldLook, newLook, ahead] = await Promise.all([serverLook(old), serverLook(fresh), slots(old)]);
    const names = new Map(clusters.map(({ host, name }) => [host, name]));
    const living = new Set(deployments.list().flatMap(({ namespace, pods }) => [...pods.keys()].map((pod) => `${namespace}/${pod}`)));
    return {
      at: Date.now(),
      old: oldLook,
      new: newLook,
      pods: ledger
        .pods()
        .filter(({ name }) => living.has(name))
        .map(({ name, server, acknowledged, failed }) => ({ name, server: names.get(server) ?? server, acknowledged, failed })),
      lost: counted.lost,
      doubled: counted.doubled,
      lagBytes: ahead.lag,
      retainedWalBytes: ahead.retained,
      flags: Object.fromEntries(flags),
    };
  }

  async function tick(): Promise<void> {
    const seen = await look();
    for (const listener of listeners) listener(seen);
    if (listeners.size > 0) timer = setTimeout(() => void tick(), everyMs);
  }

  return {
    subscribe(listener: (look: WorldLook) => void): () => void {
      listeners.add(listener);
      if (listeners.size === 1) void tick();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) clearTimeout(timer);
      };
    },
    flip(name: string, state: 'on' | 'off'): boolean {
      if (!flags.has(name)) return false;
      flags.set(name, state);
      return true;
    },
    /** Every write of these pods that was acknowledged must be on that server, once. */
    async count(
      cluster: Cluster,
      of: (pod: string) => boolean,
    ): Promise<{ readonly acknowledged: number; readonly lost: readonly string[]; readonly doubled: number }> {
      const reader = new pg.Client({ ...cluster.admin, database: 'inapp', ssl: { rejectUnauthorized: false } });
      await reader.connect();
      try {
        // Taken before the look: what is acknowledged meanwhile is there or will be asked about the next time.
        const writes = ledger.writes().filter(({ pod }) => of(pod));
        const { rows } = await reader.query<{ id: string; pod: string; seq: string }>('select id, pod, seq from public.pod_write');
        const there = new Set(rows.map(({ id }) => id));
        const keys = new Set(rows.map(({ pod, seq }) => `${pod}/${seq}`));
        const lost = writes.filter(({ id }) => !there.has(id)).map(({ id, pod, seq }) => `${pod} ${seq} ${id}`);
        counted = { lost: lost.length, doubled: rows.length - keys.size };
        return { acknowledged: writes.length, lost, doubled: counted.doubled };
      } finally {
        await reader.end();
      }
    },
    async close(): Promise<void> {
      listeners.clear();
      clearTimeout(timer);
      await Promise.all([...clients.values()].map((one) => one.end().catch(() => undefined)));
    },
  };
}
