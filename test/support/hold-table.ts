import { Client } from 'pg';
import type { Cluster } from '../../sandbox/types.ts';

/**
 * A transaction of a person that locks a table, until it is released or its server dies: whoever applies changes to it waits.
 * `exclusive` lets readers through, `access exclusive` nobody.
 */
export async function holdTable(
  cluster: Cluster,
  table: string,
  mode: 'exclusive' | 'access exclusive' = 'exclusive',
): Promise<{ release(): Promise<void> }> {
  const client = new Client({ ...cluster.admin, database: 'inapp', application_name: 'test-holds', ssl: { rejectUnauthorized: false } });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  await client.query(`lock table ${table} in ${mode} mode`);
  let ended: Promise<void> | undefined;
  return { release: () => (ended ??= client.end().catch(() => undefined)) };
}
