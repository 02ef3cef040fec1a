import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { validateStandalone } from '../../src/validator/standalone.ts';
import { type CompiledCli, compileCli } from '../support/compiled-cli.ts';
import { holdTable } from '../support/hold-table.ts';
import { type ClusterWorld, openWorld } from '../support/validator-world.ts';

const names = ['plain', 'Capitals', 'with "quotes"', "it's", 'dots.and spaces', 'ünïcödé 数 🐘', 'select', 'back\\slash', 'percent %s $1'];
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
const schema = [
  `do $$ begin if not exists (select from pg_roles where rolname = 'clerk') then create role clerk login password 'clerk'; end if; end $$`,
  ...names.flatMap((name) => [
    `create schema ${quoted(name)}`,
    `create table ${quoted(name)}.${quoted(name)} (${quoted(name)} text primary key, ${quoted(`${name}2`)} int)`,
    `insert into ${quoted(name)}.${quoted(name)} values ('a', 1), ('b', 2)`,
  ]),
  'create table no_columns ()',
  'insert into no_columns select from generate_series(1, 5)',
  'create table no_rows (id int primary key)',
  'create table alike (n int)',
  'insert into alike select 1 from generate_series(1, 150000)',
  `do $$ begin execute format('create table broad (%s)', (select string_agg(format('c%s int', i), ', ') from generate_series(1, 1600) i)); end $$`,
  'insert into broad (c1, c1600) values (1, 2)',
  'create table computed (id int primary key, twice int generated always as (id * 2) stored)',
  'insert into computed select generate_series(1, 5)',
  'create table parent (id int)',
  'create table child (more int) inherits (parent)',
  'insert into parent values (1)',
  'insert into child values (2, 3)',
  `create type mood as enum ('sad', 'ok')`,
  'create table moody (id int primary key, m mood)',
  `insert into moody values (1, 'sad'), (2, 'ok')`,
  'create table secret (id int primary key, owner text)',
  `insert into secret values (1, 'clerk'), (2, 'somebody')`,
  'alter table secret enable row level security',
  `create policy own on secret using (owner = current_user)`,
  'create extension postgres_fdw',
  `create server elsewhere foreign data wrapper postgres_fdw options (host '127.0.0.1', port '1')`,
  'create foreign table abroad (id int) server elsewhere',
  'create materialized view summary as select count(*) as n from alike',
  'create extension citext',
  'create table of_extension (id int)',
  'alter extension citext add table of_extension',
  'grant usage on schema public to clerk',
  'grant select on computed, secret, parent, child, moody, no_rows, no_columns, alike, broad to clerk',
  'create table hidden (id int)',
  'create sequence hidden_sequence',
];

let world: ClusterWorld;
let cli: CompiledCli;
beforeAll(async () => {
  [world, cli] = await Promise.all([openWorld(), compileCli()]);
  await world.rebuild({ source: schema, destination: schema });
});
afterAll(async () => {
  await world?.close();
  await cli?.remove();
});

function clerksAddress(): string {
  const address = new URL(world.dsn('destination'));
  address.username = 'clerk';
  address.password = 'clerk';
  address.search = 'sslmode=no-verify';
  return address.href;
}

describe('odd tables', () => {
  test('are equal: odd names, 1,600 columns, none, no rows, equal rows without a key, generated columns, inheritance; what has no rows of its own is told', async () => {
    const verdict = await world.compare();
    expect([verdict.objects, verdict.tables.filter((table) => !table.equal)]).toEqual([[], []]);
    expect(verdict.equal).toBe(true);
    expect(verdict.tables).toHaveLength(names.length + 10);
    expect(verdict.notCompared.map(({ object, obstacle }) => [object, obstacle])).toEqual([
      ['public.abroad', false],
      ['public.of_extension', false],
      ['public.summary', false],
    ]);
  });

  test('one row that differs is found in each of them', async () => {
    await world.on(
      'destination',
      ...names.map((name) => `update ${quoted(name)}.${quoted(name)} set ${quoted(`${name}2`)} = 3 where ${quoted(name)} = 'b'`),
      'insert into no_columns default values',
      'delete from alike where ctid = (select ctid from alike limit 1)',
      'update computed set id = 9 where id = 5',
      'update broad set c1599 = 1',
      'delete from only parent',
      'update child set more = 4',
    );
    const verdict = await world.compare({ parts: 'rows' });
    const found = verdict.tables
      .filter((table) => !table.equal)
      .map((table) => `${table.table} ${table.missing} ${table.extra} ${table.changed}`);
    expect(found).toHaveLength(names.length + 6);
    expect(found).toEqual(
      expect.arrayContaining([
        'public.no_columns 0 1 0',
        'public.alike 1 0 0',
        'public.broad 1 1 0',
        'public.computed 1 1 0',
        'public.parent 1 0 0',
        'public.child 1 1 0',
        '"dots.and spaces"."dots.and spaces" 0 0 1',
      ]),
    );
    await world.rebuild({ source: schema, destination: schema });
  });

  test('a value that the server cannot print is an obstacle of its table; the other tables are compared', async () => {
    await world.on('destination', `delete from pg_enum where enumlabel = 'ok'`);
    const answer = await validateStandalone({
      source: world.dsn('source'),
      destination: world.dsn('destination'),
      rowsOnly: true,
      jobs: 2,
      json: false,
      signal: new AbortController().signal,
    });
    expect(answer.text).toMatch(/^COULD NOT COMPARE EVERYTHING\n/);
    expect(answer.text).toMatch(/1 object could NOT be compared:\n {2}public\.moody: invalid internal value for enum.*on the destination/);
    expect(answer.exitCode).toBe(2);
    expect(answer.verdict?.tables.every((table) => table.equal)).toBe(true);
    await world.rebuild({ source: schema, destination: schema });
  });
});

test('what may not be read, or only in part, is named and never equal; the rest is compared', async () => {
  const ended = await cli.start(['validate', '--source', world.dsn('source'), '--destination', clerksAddress(), '--json']).ended;
  expect(ended.code).toBe(2);
  const verdict = JSON.parse(ended.stdout);
  const obstacles = verdict.notCompared.filter(({ obstacle }: { obstacle: boolean }) => obstacle);
  expect(verdict.equal).toBe(false);
  expect(Object.fromEntries(obstacles.map(({ object, reason }: { object: string; reason: string }) => [object, reason]))).toMatchObject({
    'public.hidden': 'on the destination clerk may not read it (no SELECT).',
    'public.hidden_sequence': 'on the destination clerk may not read it (no SELECT).',
    'public.secret': "on the destination row security hides rows from clerk (it needs BYPASSRLS or the owner's rights).",
    '"Capitals"."Capitals"': 'on the destination clerk has no USAGE on schema Capitals.',
  });
  expect(verdict.tables.map(({ table, equal }: { table: string; equal: boolean }) => [table, equal])).toEqual(
    ['alike', 'broad', 'child', 'computed', 'moody', 'no_columns', 'no_rows', 'parent'].map((table) => [`public.${table}`, true]),
  );
});

describe('in the middle of a comparison', () => {
  /** A lock on one table holds the comparison where it is. */
  async function held<T>(work: () => Promise<T>): Promise<T> {
    const holder = await holdTable(world.destination, 'alike', 'access exclusive');
    try {
      return await work();
    } finally {
      await holder.release();
    }
  }
  const waiting = () =>
    expect
      .poll(() => world.on('destination', 'select 1 from pg_locks where not granted').then((locks) => locks.length), { timeout: 20_000 })
      .toBeGreaterThan(0);
  const validate = () =>
    cli.start(['validate', '--source', world.dsn('source'), '--destination', world.dsn('destination'), '--jobs', '1', '--rows']);

  test('Ctrl-C cancels on both servers and exits 2', async () => {
    await held(async () => {
      const running = validate();
      await waiting();
      running.signal('SIGINT');
      expect(await running.ended).toMatchObject({ code: 2, stdout: 'Could not compare. It was interrupted.\n' });
      expect([await world.sessions('source'), await world.sessions('destination')]).toEqual([0, 0]);
    });
  });

  for (const side of ['source', 'destination'] as const)
    test(`a ${side} that is killed is a clear sentence and exit 2`, async () => {
      const ended = await held(async () => {
        const running = validate();
        await waiting();
        const pid = world[side].pid();
        if (pid === undefined) throw new Error('The server is not running.');
        process.kill(pid, 'SIGKILL');
        return running.ended;
      });
      expect(ended.stdout).toMatch(new RegExp(`^Could not compare\\. .*on the ${side}, database inapp`));
      expect(ended.stdout.trim().split('\n')).toHaveLength(1);
      expect(ended.code).toBe(2);
      await expect.poll(() => world.sessions(side).catch(() => 'not up yet'), { timeout: 30_000 }).toEqual(expect.any(Number));
    });
});
