import pg from 'pg';
import { outagesSeen, type SeenOutage } from './outages.ts';
import type { Cluster } from './types.ts';
import type { World } from './world.ts';

export interface Outage {
  readonly kind: SeenOutage['kind'];
  readonly ms: number;
  readonly from: string;
  readonly to: string;
  /** By cause, the longest first, from the run's report; together the whole outage. Of a cutover. */
  readonly parts: readonly { readonly cause: string; readonly ms: number }[];
}
/** A write stop of the report: stretches without gap or overlap, in ms since the epoch. */
export interface SpentOn {
  readonly timeline: readonly { readonly cause: string; readonly from: number; readonly to: number }[];
}
/** What an outsider saw: nothing of it is taken from the bot's own word. */
export interface Observed {
  readonly environment: string;
  readonly destination: { readonly name: string; readonly version: number };
  readonly acknowledged: number;
  readonly lost: readonly string[];
  readonly doubled: number;
  /** Times in which no pod of the service got a write acknowledged. */
  readonly outages: readonly Outage[];
  /** Of acknowledged writes, outages left out: from the act's beginning to the acknowledgement. */
  readonly latency: { readonly acknowledged: number; readonly p99Ms: number };
  /** Partitions that the worker made on the new server: it must be the owner there. */
  readonly partitionsOnDestination: number;
}

export async function observe(world: World, environment: string, stops: readonly SpentOn[] = []): Promise<Observed> {
  const source = world.source(environment);
  const destination = world.servers.fleet.list().findLast(({ name }) => name.startsWith(`me-inapp-${environment}-`));
  if (!source || !destination) throw new Error(`there is no server of ${environment}`);
  const own = (pod: string) => pod.startsWith(`inapp-${environment}/`);
  const everybody = (pod: string) => own(pod) || pod.startsWith(`shadow-${environment}/`);
  const [counted, restartedAt] = await Promise.all([world.watch.count(destination, everybody), startTime(source)]);
  return {
    environment,
    destination: { name: destination.name, version: destination.version },
    ...counted,
    outages: outagesSeen(world.ledger, own, { host: source.host, restartedAt }).map(({ kind, from, to }): Outage => {
      const parts = kind === 'cutover' || kind === 'rollback' ? partsWithin(stops, from, to) : [];
      return { kind, ms: to - from, from: new Date(from).toISOString(), to: new Date(to).toISOString(), parts };
    }),
    latency: world.ledger.latency(own),
    partitionsOnDestination: world.ledger.partitions().filter(({ server }) => server === destination.host).length,
  };
}

/** What the bot spent the pods' outage on; before and after its own write stop nothing is known: that is the bot's too. */
function partsWithin(stops: readonly SpentOn[], from: number, to: number): Outage['parts'] {
  const sums = new Map<string, number>();
  for (const stretch of stops.flatMap(({ timeline }) => timeline)) {
    const ms = Math.min(to, stretch.to) - Math.max(from, stretch.from);
    if (ms > 0) sums.set(stretch.cause, (sums.get(stretch.cause) ?? 0) + ms);
  }
  const known = [...sums.values()].reduce((sum, ms) => sum + ms, 0);
  if (to - from > known) sums.set('bot', (sums.get('bot') ?? 0) + to - from - known);
  return [...sums].map(([cause, ms]) => ({ cause, ms })).sort((a, b) => b.ms - a.ms);
}

/** When the server's postmaster began, in ms since the epoch. */
async function startTime(cluster: Cluster): Promise<number> {
  const client = new pg.Client({ ...cluster.admin, database: 'postgres', ssl: { rejectUnauthorized: false } });
  await client.connect();
  try {
    const { rows } = await client.query<{ at: string }>('select extract(epoch from pg_postmaster_start_time()) * 1000 as at');
    return Number(rows[0]?.at ?? 0);
  } finally {
    await client.end();
  }
}
