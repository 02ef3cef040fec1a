import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openWorld, type ValidatorWorld } from '../support/validator-world.ts';

const schema = `
create table account (id bigint primary key, balance numeric not null, note text);
create table toggle (id int primary key, v text not null);
create table token (id uuid primary key, n int);
create table journal (at timestamptz default clock_timestamp(), n int);
`;
const data = `
insert into account select i, i, 'a' || i from generate_series(1, 120000) i;
insert into toggle select i, 'A' from generate_series(1, 20) i;
insert into token select md5(i::text)::uuid, i from generate_series(1, 5000) i;
insert into journal (at, n) select timestamptz '2024-01-01 00:00+00', i / 2 from generate_series(1, 2000) i;
analyze`;
const slot = 'wanderer';

let world: ValidatorWorld;
beforeAll(async () => {
  world = await openWorld();
  await world.rebuild({ source: [schema, data], destination: [schema] });
  await world.on(
    'source',
    'create publication everything for all tables',
    `select pg_create_logical_replication_slot('${slot}', 'pgoutput')`,
  );
  await world.on(
    'destination',
    `create subscription ${slot} connection '${world.dsn('source')}' publication everything with (create_slot = false, slot_name = ${slot})`,
  );
  await until(async () => {
    const [row] = await world.on('destination', `select bool_and(srsubstate = 'r') as ready from pg_subscription_rel`);
    return row?.['ready'] === true;
  });
});
afterAll(() => world?.close());

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('It did not happen within 60 s.');
}

/** Three writers: updates that move values about, rows that come and go, and rows that turn between the same two values. */
async function underLoad<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly writes: number }> {
  let going = true;
  let writes = 0;
  const writer = async (statement: (n: number) => string) => {
    const client = new Client({ ...world.admin.source, database: 'inapp' });
    await client.connect();
    for (let n = 0; going; n++, writes++) await client.query(statement(n));
    await client.end();
  };
  const writers = [
    writer((n) => `update account set balance = balance + 1 where id = ${1 + ((n * 7919) % 60_000)}`),
    writer((n) => `update toggle set v = case v when 'A' then 'B' else 'A' end where id = ${1 + (n % 20)}`),
    writer(
      (n) =>
        [
          'insert into token values (gen_random_uuid(), -1)',
          'delete from token where id = (select id from token where n = -1 limit 1)',
          `insert into journal (n) values (${n})`,
        ][n % 3] ?? '',
    ),
  ];
  try {
    return { result: await work(), writes };
  } finally {
    going = false;
    await Promise.all(writers);
  }
}

describe('a pair that moves', () => {
  test('is equal while writes flow: 0 false differences', async () => {
    const { result, writes } = await underLoad(() => world.compare({ live: true, sequences: false, slots: [slot], parts: 'rows' }));
    expect(result.tables.filter((table) => !table.equal)).toEqual([]);
    expect(result.objects).toEqual([]);
    expect(writes).toBeGreaterThan(100);
  });

  test('shows exactly the rows that were changed on the destination behind its back', async () => {
    await world.on(
      'destination',
      'update account set balance = -1 where id = 100001',
      'delete from account where id = 100002',
      `insert into account values (999999, 1, 'extra')`,
      `update token set n = -7 where id = md5('77')::uuid`,
      `delete from journal where ctid = (select ctid from journal where n = 700 limit 1)`,
      // A row that the load never touches among those that it turns all the time.
      `insert into toggle values (1000, 'B')`,
    );
    const { result } = await underLoad(() => world.compare({ live: true, sequences: false, slots: [slot], parts: 'rows' }));
    const found = result.tables.flatMap((table) => table.rows.map((row) => `${table.table} ${row.kind} ${row.key['id'] ?? row.key['n']}`));
    expect(found.sort()).toEqual([
      'public.account changed 100001',
      'public.account extra 999999',
      'public.account missing 100002',
      'public.journal missing 700',
      'public.toggle extra 1000',
      'public.token changed 28dd2c79-55ce-9264-5624-0b2ff0100bde',
    ]);
    expect(result.equal).toBe(false);
  });

  test('a row that stopped arriving is found although its neighbours move: the subscription skips one table', async () => {
    await world.on(
      'source',
      'alter publication everything owner to cloudsqladmin',
      'create table left_out (id int primary key, v int)',
      'insert into left_out values (1, 1)',
    );
    await world.on('destination', 'create table left_out (id int primary key, v int)');
    const { result } = await underLoad(() =>
      world.compare({ live: true, sequences: false, slots: [slot], parts: 'rows', tables: ['public.left_out'] }),
    );
    await world.on('source', 'drop table left_out');
    await world.on('destination', 'drop table left_out');
    expect(result.tables).toMatchObject([{ table: 'public.left_out', equal: false, missing: 1 }]);
  });
});
