import { Socket } from 'node:net';
import { type Client, Pool } from 'pg';
import type { Cluster } from '../types.ts';

interface Agents {
  /** Of the server that they are connected to: a restart is another one. */
  readonly pid: number | undefined;
  readonly pools: Map<string, Pool>;
}
const agents = new WeakMap<Cluster, Agents>();

/** The instance's agents stay connected for a while: a new session for every question would cost more than its answer. */
function agentsOf(cluster: Cluster, database: string): Pool {
  const pid = cluster.pid();
  const before = agents.get(cluster);
  const now: Agents = before !== undefined && before.pid === pid ? before : { pid, pools: new Map() };
  if (now !== before) for (const pool of before?.pools.values() ?? []) void pool.end();
  agents.set(cluster, now);
  const { pools } = now;
  const known = pools.get(database);
  if (known) return known;
  const pool = new Pool({
    ...cluster.admin,
    database,
    application_name: 'cloudsqladmin',
    stream: () => new Socket(),
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 5_000,
    allowExitOnIdle: true,
  });
  // A server that is shut down ends its idle sessions; the pool has let go of them by then.
  pool.on('error', () => undefined);
  pools.set(database, pool);
  return pool;
}

/** Works in one session of `cloudsqladmin`, the instance's own superuser; one whose work failed is not used again. */
export async function asAdmin<T>(cluster: Cluster, database: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await agentsOf(cluster, database).connect();
  let failed = true;
  // One that ends while it works says so by its query.
  const ignore = () => undefined;
  client.on('error', ignore);
  try {
    const result = await work(client);
    failed = false;
    return result;
  } finally {
    client.off('error', ignore);
    client.release(failed);
  }
}

/** Databases that people know of: no templates, not the agent's own. */
export const userDatabases = `select datname from pg_database where datallowconn and not datistemplate and datname <> 'cloudsqladmin' order by datname`;
