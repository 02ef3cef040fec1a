import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CompiledCli, compileCli } from '../support/compiled-cli.ts';
import { holdTable } from '../support/hold-table.ts';
import { type ClusterWorld, openWorld } from '../support/validator-world.ts';

let world: ClusterWorld;
let cli: CompiledCli;
beforeAll(async () => {
  [world, cli] = await Promise.all([openWorld(), compileCli()]);
});
afterAll(async () => {
  await world?.close();
  await cli?.remove();
});

async function validated(...args: readonly string[]) {
  const { stdout, code } = await cli.start([
    'validate',
    '--source',
    world.dsn('source'),
    '--destination',
    world.dsn('destination'),
    '--json',
    ...args,
  ]).ended;
  return { code, verdict: JSON.parse(stdout) };
}

test('one byte in a value of 200 MB is found, within 200 MB of memory', async () => {
  const make = [
    'create table huge (id int primary key, v text, b bytea)',
    `insert into huge values (1, repeat('abcdefgh', 25000000), null), (2, 'x', decode(repeat('00ff', 50000000), 'hex'))`,
  ];
  await world.rebuild({ source: make, destination: make });
  expect((await validated()).code).toBe(0);
  await world.on(
    'destination',
    `update huge set v = overlay(v placing 'X' from 150000000) where id = 1`,
    'update huge set b = set_byte(b, 77777777, 1) where id = 2',
  );
  const { code, verdict } = await validated();
  expect(code).toBe(1);
  expect(
    verdict.tables[0].rows.map(({ key, columns }: { key: { id: string }; columns: { column: string }[] }) => [
      key.id,
      columns.map(({ column }) => column),
    ]),
  ).toEqual([
    ['1', ['v']],
    ['2', ['b']],
  ]);
  expect(JSON.stringify(verdict.tables[0].rows)).toContain('200000000 bytes, md5 ');
  expect(verdict.peakMemoryBytes).toBeLessThan(200e6);
});

test('of a table in which every row differs all rows are listed within 200 MB of memory', async () => {
  const rows = 'select i, md5(i::text), i from generate_series(1, 300000) i';
  const table = ['drop table if exists everything', 'create table everything (id bigint, token text, n int, primary key (token, id))'];
  await world.on('source', ...table, `insert into everything ${rows}`, 'analyze everything');
  await world.on('destination', ...table, `insert into everything ${rows}`, 'update everything set n = n + 1', 'analyze everything');
  const { stdout, code } = await cli.start([
    ...['validate', '--source', world.dsn('source'), '--destination', world.dsn('destination')],
    ...['--table', 'public.everything', '--rows', '--json'],
  ]).ended;
  const verdict = JSON.parse(stdout);
  expect([code, verdict.tables[0].changed]).toEqual([1, 300_000]);
  expect(verdict.peakMemoryBytes).toBeLessThan(200e6);
});

/** By batches, each in a transaction of its own: every table takes locks until the end of its transaction. */
const inBatches = (count: number, statement: string) =>
  Array.from(
    { length: count / 500 },
    (_, batch) => `do $$ begin for i in ${batch * 500 + 1}..${(batch + 1) * 500} loop ${statement}; end loop; end $$`,
  );

test('of 10,000 tables the one row that differs is found, within 200 MB of memory', async () => {
  const name = `case when i % 100 = 0 then 'Größe "' || i || '"' else 'table_' || i end`;
  const make = [
    ...inBatches(
      10_000,
      `execute format('create table %I (id int primary key, v text)', ${name});
       if i % 3 > 0 then execute format('insert into %I select g, md5(g::text) from generate_series(1, 3) g', ${name}); end if`,
    ),
    'analyze',
  ];
  await world.rebuild({ source: make, destination: make });
  const same = await validated();
  expect([same.code, same.verdict.tables.length]).toEqual([0, 10_000]);
  await world.on('destination', `update "Größe ""9700""" set v = 'another' where id = 2`);
  const { code, verdict } = await validated();
  expect(code).toBe(1);
  expect(verdict.tables.filter(({ equal }: { equal: boolean }) => !equal)).toMatchObject([
    { table: 'public."Größe ""9700"""', changed: 1, rows: [{ key: { id: '2' }, kind: 'changed' }] },
  ]);
  expect(Math.max(same.verdict.peakMemoryBytes, verdict.peakMemoryBytes)).toBeLessThan(200e6);
});

test('of 2,000 partitions the one that lacks a row is named, within 200 MB of memory', async () => {
  const make = [
    'create table member (list int not null, id int not null, v text, primary key (list, id)) partition by list (list)',
    ...inBatches(2_000, `execute format('create table %I partition of member for values in (%s)', 'member_' || i, i)`),
    'insert into member select l, g, md5(g::text) from generate_series(1, 2000) l, generate_series(1, 5) g',
    'analyze',
  ];
  await world.rebuild({ source: make, destination: make });
  await world.on('destination', 'delete from member where list = 1234 and id = 3');
  const { code, verdict } = await validated();
  expect(code).toBe(1);
  expect(verdict.tables).toHaveLength(2_000);
  expect(verdict.tables.filter(({ equal }: { equal: boolean }) => !equal)).toMatchObject([
    { table: 'public.member_1234', missing: 1, rows: [{ key: { list: '1234', id: '3' }, kind: 'missing' }] },
  ]);
  expect(verdict.peakMemoryBytes).toBeLessThan(200e6);
});

test('a table that somebody keeps locked is named; the others are compared', async () => {
  const make = ['create table held (id int)', 'create table free (id int)', 'insert into free values (1)'];
  await world.rebuild({ source: make, destination: make });
  const holder = await holdTable(world.destination, 'held', 'access exclusive');
  const { code, verdict } = await validated('--rows').finally(holder.release);
  expect(code).toBe(2);
  expect(verdict.notCompared).toMatchObject([{ object: 'public.held', reason: expect.stringContaining('lock timeout'), obstacle: true }]);
  expect(verdict.tables.map(({ table, equal }: { table: string; equal: boolean }) => [table, equal])).toEqual([['public.free', true]]);
});
