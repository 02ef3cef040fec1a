import { Client } from 'pg';
import type { Cluster } from '../../sandbox/types.ts';

/** A transaction of a person that locks a table: whoever applies changes to it waits, until it is released. */
export async function holdTable(cluster: Cluster, table: string): Promise<{ release(): Promise<void> }> {
  const client = new Client({ ...cluster.admin, database: 'inapp', application_name: 'test-holds', ssl: { rejectUnauthorized: false } });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('begin');
  // Readers are let through: a comparison, a look at the catalogue.
  await client.query(`lock table ${table} in exclusive mode`);
  let ended: Promise<void> | undefined;
  return { release: () => (ended ??= client.end()) };
}
