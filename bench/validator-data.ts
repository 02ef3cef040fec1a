import { Client } from 'pg';
import type { Cluster } from '../sandbox/types.ts';
import type { ConnectionFactory } from '../src/validator/types.ts';

const partitions = Array.from({ length: 20 }, (_, i) => i + 1);
const tables = ['campaign_event', 'wide', 'device_registration', 'narrow', ...partitions.map((list) => `audience_data.member_${list}`)];

/** PostgreSQL's own defaults where the sandbox has smaller ones; without what only slows the filling, and nothing in the background. */
const settings = {
  shared_buffers: '128MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  fsync: 'off',
  full_page_writes: 'off',
  autovacuum: 'off',
  maintenance_work_mem: '512MB',
} as const;

const wideColumns: readonly (readonly [type: string, value: string])[] = [
  ...Array.from({ length: 10 }, (_, i) => ['int', `i % ${101 + i}`] as const),
  ...Array.from({ length: 10 }, (_, i) => ['text', `repeat(md5((i + ${i})::text), 2)`] as const),
  ...Array.from({ length: 5 }, (_, i) => ['timestamptz', `timestamptz '2024-01-01 00:00+00' + i * interval '${i + 1} seconds'`] as const),
  ...Array.from({ length: 4 }, (_, i) => ['numeric(14, 4)', `i * 1.${i + 1}7`] as const),
  ...Array.from({ length: 4 }, (_, i) => ['boolean', `i % ${i + 2} = 0`] as const),
];

const types = [
  'create schema audience_data',
  `create type event_status as enum ('new', 'sent', 'failed')`,
  'create type contact as (id bigint, email text, status event_status)',
];

/** What an application's tables look like: half of the rows mixed, some wide, the rest keyed by texts, partitioned, narrow. One transaction each: filled without WAL. */
const fillings = (rows: number): readonly (readonly string[])[] => [
  [
    `create table campaign_event (
      id bigint, uid uuid, name text, payload jsonb, created_at timestamptz, amount numeric(12, 4), score float8, blob bytea, tags text[], nums int[],
      status event_status, first contact, contacts contact[])`,
    `insert into campaign_event select i, md5(i::text)::uuid, 'event ' || i || repeat(' filler', i % 5),
      jsonb_build_object('id', i, 'rate', 1.50, 'tags', array['a', 'b']), timestamptz '2024-01-01 00:00+00' + i * interval '13 seconds',
      i * 1.37, sqrt(i), case when i % 3 = 0 then decode(md5(i::text), 'hex') end, array['x', 'y' || i % 9], array[i, i % 7],
      (array['new', 'sent', 'failed'])[1 + i % 3]::event_status, row(i, 'm' || i || '@example.com', 'sent')::contact, array[row(i, 'n', null)::contact]
      from generate_series(1, ${Math.round(rows * 0.5)}) i`,
    'alter table campaign_event add primary key (id)',
  ],
  [
    `create table wide (id int, ${wideColumns.map(([type], i) => `c${i + 1} ${type}`).join(', ')})`,
    `insert into wide select i, ${wideColumns.map(([, value]) => value).join(', ')} from generate_series(1, ${Math.round(rows * 0.03)}) i`,
    'alter table wide add primary key (id)',
  ],
  [
    'create table device_registration (customer_id int, application text, device text, seen timestamptz)',
    `insert into device_registration select i % 1000, 'app' || i % 7, md5(i::text), timestamptz '2024-01-01 00:00+00' + i * interval '1 second'
      from generate_series(1, ${Math.round(rows * 0.1)}) i`,
    'alter table device_registration add primary key (customer_id, application, device)',
  ],
  [
    'create table audience_data.member (list int, id int, email text) partition by list (list)',
    ...partitions.map((list) => `create table audience_data.member_${list} partition of audience_data.member for values in (${list})`),
    `insert into audience_data.member select 1 + i % 20, i, 'm' || i || '@example.com' from generate_series(1, ${Math.round(rows * 0.1)}) i`,
    'alter table audience_data.member add primary key (list, id)',
  ],
  [
    'create table narrow (id int, v int)',
    `insert into narrow select i, i % 1000 from generate_series(1, ${Math.round(rows * 0.3)}) i`,
    'alter table narrow add primary key (id)',
  ],
];

/** Makes and fills the database `bench`. */
export async function build(cluster: Cluster, rows: number): Promise<void> {
  await cluster.configure(settings, true);
  await run(cluster, 'postgres', ['create database bench']);
  await run(cluster, 'bench', types);
  for (const filling of fillings(rows)) await run(cluster, 'bench', ['begin', ...filling, 'commit']);
  await run(cluster, 'bench', ['vacuum analyze', 'checkpoint']);
}

export function addressOf(cluster: Cluster): ConnectionFactory {
  return {
    async open(database, applicationName) {
      const client = new Client({ ...cluster.admin, database, application_name: applicationName });
      await client.connect();
      return client;
    },
  };
}

/** The floor: both sides read once, one session a side. Gives the rows and bytes of one. */
export async function countAll(clusters: readonly Cluster[]): Promise<{ rows: number; bytes: number }> {
  const [first] = await Promise.all(
    clusters.map(async (cluster) => {
      const found = { rows: 0, bytes: 0 };
      const counts = tables.map((table) => `select count(*) as n, pg_table_size('${table}') as bytes from ${table}`);
      for (const row of await run(cluster, 'bench', ['set max_parallel_workers_per_gather = 0', 'set jit = off', ...counts])) {
        found.rows += Number(row['n']);
        found.bytes += Number(row['bytes']);
      }
      return found;
    }),
  );
  return first ?? { rows: 0, bytes: 0 };
}

/** Runs statements on one session, one after the other; gives the rows of all. */
async function run(cluster: Cluster, database: string, statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const client = new Client({ ...cluster.admin, database });
  await client.connect();
  try {
    const rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows.push(...(await client.query<Record<string, unknown>>(statement)).rows);
    return rows;
  } finally {
    await client.end();
  }
}
