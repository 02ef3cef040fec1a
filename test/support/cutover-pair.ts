import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { openServers, type Servers } from '../../sandbox/servers/open-servers.ts';
import type { Cluster } from '../../sandbox/types.ts';
import { createPostgres, type PostgresConnections } from '../../src/postgres/connect.ts';
import type { Side } from '../../src/postgres/types.ts';

export const application = 'me-inapp@example.iam';
export const passwords = {
  postgres: 'root-password',
  bigquery: 'bigquery-password',
  wayback: 'wayback-password',
  migration: 'migration-password',
} as const;

/** An old and a new server with Cloud SQL's rights, the service's users and the database `inapp`. */
export interface Pair {
  readonly servers: Servers;
  readonly source: Cluster;
  readonly destination: Cluster;
  /** The bot's sessions; ended by `close`. */
  bot(step?: string): PostgresConnections;
  /** A plain session as anybody, over TLS; ended by `close` at the latest. */
  as(side: Side, database: string, user: string, password?: string, name?: string): Promise<Client>;
  /** One statement as the server's superuser. */
  admin(side: Side, database: string, text: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
}

const flags = {
  'cloudsql.logical_decoding': 'on',
  'cloudsql.enable_pglogical': 'on',
  max_replication_slots: '20',
  max_wal_senders: '20',
  max_worker_processes: '30',
  max_prepared_transactions: '5',
};

const seed = `
create schema audience_data;
create table campaign (id bigserial primary key, customer_id int, name text);
create table audience_data.contact (id bigint generated always as identity primary key, email text);
grant usage on schema public, audience_data to "me-device-event@example.iam";
grant select on all tables in schema public, audience_data to "me-device-event@example.iam";
insert into campaign (customer_id, name) select i, 'c' || i from generate_series(1, 100) i;
`;

export async function openPair(options: { readonly destination?: boolean } = {}): Promise<Pair> {
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-pair-'));
  const servers = await openServers({ workDir });
  const opened: Client[] = [];
  const bots: PostgresConnections[] = [];
  const make = (name: string, version: number) => servers.fleet.create({ name, version, flags, rootPassword: passwords.postgres });
  const source = await make('old', 15);
  const destination = options.destination === false ? source : await make('new', 17);
  const of = (side: Side) => (side === 'source' ? source : destination);

  async function session(side: Side, database: string, user: string, password: string, name = 'test'): Promise<Client> {
    const { host, port, serverCa } = of(side);
    const client = new Client({
      host,
      port,
      user,
      password,
      database,
      application_name: name,
      ssl: { ca: serverCa, checkServerIdentity: () => undefined },
    });
    client.on('error', () => undefined);
    await client.connect();
    opened.push(client);
    return client;
  }
  async function admin(side: Side, database: string, text: string) {
    const client = new Client({ ...of(side).admin, database });
    await client.connect();
    try {
      const result = await client.query(text);
      return Array.isArray(result) ? [] : result.rows;
    } finally {
      await client.end();
    }
  }
  const pair: Pair = {
    servers,
    source,
    destination,
    admin,
    as: (side, database, user, password = 'iam-token', name) => session(side, database, user, password, name),
    bot(step = 'test') {
      const connections = createPostgres({
        addresses: async (side) => ({ host: of(side).host, port: of(side).port, caCertificate: of(side).serverCa }),
        password: async () => passwords.postgres,
        applicationName: `pgupgrade/PG-1/${step}/1`,
        guard: async () => undefined,
        patchedRole: 'cloudsqlpatched',
        signal: new AbortController().signal,
      });
      bots.push(connections);
      return connections;
    },
    async close() {
      await Promise.all(opened.map((client) => client.end().catch(() => undefined)));
      await Promise.all(bots.map((connections) => connections.close()));
      await servers.close();
      await rm(workDir, { recursive: true, force: true });
    },
  };
  for (const cluster of new Set([source, destination])) {
    await cluster.createUser({ name: application, type: 'IAM' });
    await cluster.createUser({ name: 'me-device-event@example.iam', type: 'IAM' });
    for (const name of ['bigquery', 'wayback', 'migration'] as const)
      await cluster.createUser({ name, type: 'BUILT_IN', password: passwords[name] });
    const side = cluster === source ? 'source' : 'destination';
    await admin(side, 'postgres', 'alter role wayback replication; alter role migration replication');
    await admin(side, 'postgres', `create database inapp owner "${application}"`);
    const owner = await session(side, 'inapp', application, 'iam-token');
    await owner.query(seed);
    await owner.end();
  }
  return pair;
}
