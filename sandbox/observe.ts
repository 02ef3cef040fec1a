import pg from 'pg';
import type { Cluster } from './types.ts';
import type { World } from './world.ts';

export interface Outage {
  readonly kind: 'restart' | 'cutover' | 'pause';
  readonly ms: number;
  readonly from: string;
  readonly to: string;
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
  /** Partitions that the worker made on the new server: it must be the owner there. */
  readonly partitionsOnDestination: number;
}
/** Shorter pauses are a busy machine's; restart and cutover are told however short they are. */
const leastPauseMs = 400;

export async function observe(world: World, environment: string): Promise<Observed> {
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
    outages: world.ledger
      .outages(1, own)
      .map(({ from, to, before, after }): Outage => {
        const kind = before !== after ? 'cutover' : restartedAt >= from && restartedAt <= to ? 'restart' : 'pause';
        return { kind, ms: to - from, from: new Date(from).toISOString(), to: new Date(to).toISOString() };
      })
      .filter(({ kind, ms }) => kind !== 'pause' || ms >= leastPauseMs),
    partitionsOnDestination: world.ledger.partitions().filter(({ server }) => server === destination.host).length,
  };
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
