import pg from 'pg';
import type { Deployments } from './kubernetes/deployments.ts';
import { leastPauseMs, outagesSeen, type SeenOutage } from './outages.ts';
import type { Ledger } from './pods/ledger.ts';
import type { Cluster, Fleet } from './types.ts';
import { type RedisLook, watchRedis } from './watch-redis.ts';

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
  readonly pods: readonly {
    readonly name: string;
    readonly server: string;
    readonly acknowledged: number;
    readonly read: number;
    readonly failed: number;
  }[];
  readonly lost: number;
  readonly doubled: number;
  readonly lagBytes: number;
  readonly retainedWalBytes: number;
  /** How long no pod of the service has got a write acknowledged; null while they write. */
  readonly offMs: number | null;
  readonly outages: readonly { readonly kind: SeenOutage['kind']; readonly ms: number }[];
  readonly redis: RedisLook | null;
  readonly flags: Readonly<Record<string, string>>;
}
const everyMs = 1_000;
const nothing = { lag: 0, retained: 0, restartedAt: 0 };

/** The pods of the service that this instance serves; those that nobody told the bot about are not the service's. */
function podsOf(instance: string | undefined): (pod: string) => boolean {
  const environment = /^me-inapp-(.+)-pg\d+$/.exec(instance ?? '')?.[1];
  return (pod) => pod.startsWith(`inapp-${environment}/`);
}

/** Looks at both servers once a second while somebody watches; nobody watching costs nothing. */
export function createWatch({
  fleet,
  ledger,
  deployments,
  flags,
  redisUrl,
}: {
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly deployments: Deployments;
  readonly flags: Map<string, string>;
  readonly redisUrl: string;
}) {
  const listeners = new Set<(look: WorldLook) => void>();
  const clients = new Map<string, pg.Client>();
  let timer: NodeJS.Timeout | undefined;
  let counted = { lost: 0, doubled: 0 };
  const redis = watchRedis(redisUrl);

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

  async function slots(
    cluster: Cluster | undefined,
  ): Promise<{ readonly lag: number; readonly retained: number; readonly restartedAt: number }> {
    if (!cluster?.running()) return nothing;
    try {
      const { rows } = await (await client(cluster)).query<{ lag: string; retained: string; restarted: string }>(
        `select coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)), 0)::bigint as lag,
                coalesce(max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)), 0)::bigint as retained,
                extract(epoch from pg_postmaster_start_time()) * 1000 as restarted
         from pg_replication_slots`,
      );
      return { lag: Number(rows[0]?.lag ?? 0), retained: Number(rows[0]?.retained ?? 0), restartedAt: Number(rows[0]?.restarted ?? 0) };
    } catch {
      return nothing;
    }
  }

  function offFor(own: (pod: string) => boolean): number | null {
    const last = ledger.lastWriteAt(own);
    const ms = last === undefined ? 0 : Date.now() - last;
    return ms >= leastPauseMs ? ms : null;
  }

  async function look(): Promise<WorldLook> {
    // The environment that moves is the one that has a second server.
    const clusters = fleet.list();
    const fresh = clusters.findLast(({ name }) => !name.endsWith('-pg15'));
    const old = fresh ? clusters.find(({ name }) => name === fresh.name.replace(/pg\d+$/, 'pg15')) : clusters[0];
    const [oldLook, newLook, ahead, redisLook] = await Promise.all([serverLook(old), serverLook(fresh), slots(old), redis.look()]);
    const own = podsOf(old?.name);
    const names = new Map(clusters.map(({ host, name }) => [host, name]));
    const living = new Set(deployments.list().flatMap(({ namespace, pods }) => [...pods.keys()].map((pod) => `${namespace}/${pod}`)));
    return {
      at: Date.now(),
      old: oldLook,
      new: newLook,
      pods: ledger
        .pods()
        .filter(({ name }) => living.has(name))
        .map(({ name, server, acknowledged, read, failed }) => ({ name, server: names.get(server) ?? server, acknowledged, read, failed })),
      lost: counted.lost,
      doubled: counted.doubled,
      lagBytes: ahead.lag,
      retainedWalBytes: ahead.retained,
      offMs: offFor(own),
      outages: outagesSeen(ledger, own, { host: old?.host ?? '', restartedAt: ahead.restartedAt }).map(({ kind, from, to }) => ({
        kind,
        ms: to - from,
      })),
      redis: redisLook,
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
      redis.close();
      await Promise.all([...clients.values()].map((one) => one.end().catch(() => undefined)));
    },
  };
}
