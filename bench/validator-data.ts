import { Client } from 'pg';
import type { Cluster } from '../sandbox/types.ts';
import type { ConnectionFactory } from '../src/validator/types.ts';

const tables = ['campaign_event', 'device_registration', 'audience_data.member_1', 'audience_data.member_2', 'narrow'] as const;

/** What an application's tables look like: half of the rows wide and mixed, the rest keyed by texts, partitioned, narrow. */
const schema = `
create schema audience_data;
create type event_status as enum ('new', 'sent', 'failed');
create type contact as (id bigint, email text, status event_status);
create table campaign_event (
  id bigint primary key, uid uuid, name text, payload jsonb, created_at timestamptz, amount numeric(12, 4), score float8, blob bytea, tags text[], nums int[],
  status event_status, first contact, contacts contact[]);
create table device_registration (customer_id int, application text, device text, seen timestamptz, primary key (customer_id, application, device));
create table audience_data.member (list int, id int, email text, primary key (list, id)) partition by list (list);
create table audience_data.member_1 partition of audience_data.member for values in (1);
create table audience_data.member_2 partition of audience_data.member for values in (2);
create table narrow (id int primary key, v int)`;

const data = (rows: number) => `
insert into campaign_event select i, md5(i::text)::uuid, 'event ' || i || repeat(' filler', i % 5), jsonb_build_object('id', i, 'rate', 1.50, 'tags', array['a', 'b']), timestamptz '2024-01-01 00:00+00' + i * interval '13 seconds',
  i * 1.37, sqrt(i), case when i % 3 = 0 then decode(md5(i::text), 'hex') end, array['x', 'y' || i % 9], array[i, i % 7], (array['new', 'sent', 'failed'])[1 + i % 3]::event_status,
  row(i, 'm' || i || '@example.com', 'sent')::contact, array[row(i, 'n', null)::contact] from generate_series(1, ${Math.round(rows * 0.5)}) i;
insert into device_registration select i % 1000, 'app' || i % 7, md5(i::text), timestamptz '2024-01-01 00:00+00' + i * interval '1 second' from generate_series(1, ${Math.round(rows * 0.1)}) i;
insert into audience_data.member select 1 + i % 2, i, 'm' || i || '@example.com' from generate_series(1, ${Math.round(rows * 0.1)}) i;
insert into narrow select i, i % 1000 from generate_series(1, ${Math.round(rows * 0.3)}) i`;

/** Makes and fills the database `bench`. */
export async function build(cluster: Cluster, rows: number): Promise<void> {
  await run(cluster, 'postgres', ['create database bench']);
  await run(cluster, 'bench', [schema, ...data(rows).split(';\n'), 'vacuum analyze']);
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

/** The server's first process, whose reaped children are its sessions. */
export async function postmasterOf(cluster: Cluster): Promise<number> {
  const rows = await run(cluster, 'postgres', [`select split_part(pg_read_file('postmaster.pid'), E'\\n', 1) as pid`]);
  return Number(rows[0]?.['pid']);
}

/** The floor: both sides read once, one session a side. */
export function countAll(clusters: readonly Cluster[]) {
  return onBoth(clusters, (table) => `select count(*) as n, pg_table_size('${table}') as bytes from ${table}`);
}

/** What pgcopydb 0.18 asks of each table (schema_send_table_checksum), with the columns in their order. */
export function referenceSql(clusters: readonly Cluster[]) {
  return onBoth(
    clusters,
    (table) =>
      `select count(1) as n, pg_table_size('${table}') as bytes, sha256(format('%s-%s', sum(hashtext((t.*)::text)::bigint), count(1))::bytea) from only ${table} t`,
  );
}

async function onBoth(clusters: readonly Cluster[], query: (table: string) => string): Promise<{ rows: number; bytes: number }> {
  const totals = await Promise.all(
    clusters.map(async (cluster) => {
      const found = { rows: 0, bytes: 0 };
      for (const row of await run(
        cluster,
        'bench',
        ['set max_parallel_workers_per_gather = 0; set jit = off', ...tables.map(query)],
        true,
      )) {
        found.rows += Number(row['n']);
        found.bytes += Number(row['bytes']);
      }
      return found;
    }),
  );
  return totals[0] ?? { rows: 0, bytes: 0 };
}

/** Runs statements on one session; gives the last one's rows, or those of all. */
async function run(cluster: Cluster, database: string, statements: readonly string[], all = false): Promise<Record<string, unknown>[]> {
  const client = new Client({ ...cluster.admin, database });
  await client.connect();
  try {
    const rows: Record<string, unknown>[] = [];
    for (const statement of statements) {
      const result = await client.query(statement);
      if (!all) rows.length = 0;
      if (!Array.isArray(result)) rows.push(...result.rows);
    }
    return rows;
  } finally {
    await client.end();
  }
}
