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
  'create schema private',
  'create type private.pair as (n int, t text)',
  `create type private.state as enum ('on', 'off')`,
  'create table typed (id int primary key, p private.pair, s private.state)',
  `insert into typed values (1, (2, 'x'), 'on')`,
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
  'grant select on computed, secret, parent, child, moody, no_rows, no_columns, alike, broad, typed to clerk',
  'create table hidden (id int)',
  'create sequence hidden_sequence',
];

const sides = ['source', 'destination'] as const;
type Side = (typeof sides)[number];
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
    expect(verdict.tables).toHaveLength(names.length + 11);
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

test('what may not be read, or only in part, is named and never equal; the rest is compared, also where its types may not be named', async () => {
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
    ['alike', 'broad', 'child', 'computed', 'moody', 'no_columns', 'no_rows', 'parent', 'typed'].map((table) => [`public.${table}`, true]),
  );
});

test('a throttle of 25 percent leaves the connections idle for most of the time', async () => {
  const paced = [
    'create table paced (id int primary key, t text)',
    'insert into paced select i, repeat(md5(i::text), 20) from generate_series(1, 400000) i',
    'analyze paced',
  ];
  await Promise.all(sides.map((side) => world.on(side, ...paced)));
  const answering = () =>
    Promise.all(
      sides.map(async (side) => {
        const [row] = await world.on(side, 'select active_time from pg_stat_database where datname = current_database()');
        return Number(row?.['active_time']);
      }),
    );
  /** The share of the whole run in which each server was at work for it, as the server itself counts; one connection reads the rows. */
  const busy = async (...throttle: readonly string[]) => {
    const before = await answering();
    const addresses = ['--source', world.dsn('source'), '--destination', world.dsn('destination')];
    const ended = await cli.start(['validate', ...addresses, '--rows', '--table', 'public.paced', '--jobs', '1', '--json', ...throttle])
      .ended;
    // A session is counted when it ends.
    for (const side of sides) await expect.poll(() => world.sessions(side)).toBe(0);
    const after = await answering();
    const { equal, durationMs } = JSON.parse(ended.stdout);
    expect(equal).toBe(true);
    return after.map((milliseconds, i) => (milliseconds - (before[i] ?? 0)) / durationMs);
  };
  const [throttled, free] = [await busy('--throttle', '25'), await busy()];
  for (const share of throttled) expect(share).toBeLessThan(0.4);
  // So it is the throttle that leaves them idle.
  for (const [i, share] of free.entries()) expect(share).toBeGreaterThan(1.5 * (throttled[i] ?? 1));
  await Promise.all(sides.map((side) => world.on(side, 'drop table paced')));
});

describe('in the middle of a comparison', () => {
  /** A lock on one table, on each of these servers, holds the comparison where it is. */
  async function held<T>(on: readonly Side[], work: () => Promise<T>): Promise<T> {
    const holders = await Promise.all(on.map((side) => holdTable(world[side], 'alike', 'access exclusive')));
    try {
      return await work();
    } finally {
      await Promise.all(holders.map((holder) => holder.release()));
    }
  }
  /** The process of each of these servers that waits for the lock. */
  const waiting = (on: readonly Side[]) =>
    Promise.all(
      on.map(async (side) => {
        let pids: unknown[] = [];
        await expect
          .poll(
            async () => {
              const waits = `select pid from pg_locks join pg_stat_activity using (pid) where not granted and application_name = 'pgupgrade-validate'`;
              pids = (await world.on(side, waits)).map(({ pid }) => pid);
              return pids.length;
            },
            { timeout: 20_000 },
          )
          .toBe(1);
        return { side, pid: pids[0] };
      }),
    );
  const validate = () =>
    cli.start(['validate', '--source', world.dsn('source'), '--destination', world.dsn('destination'), '--jobs', '1', '--rows']);

  test('Ctrl-C cancels what runs on both servers and exits 2', async () => {
    await held(sides, async () => {
      const running = validate();
      const waits = await waiting(sides);
      running.signal('SIGINT');
      expect(await running.ended).toMatchObject({ code: 2, stdout: 'Could not compare. It was interrupted.\n' });
      // The lock timeout would end them too: the log tells by what they ended.
      for (const { side, pid } of waits) {
        await expect.poll(() => world.sessions(side)).toBe(0);
        expect((await world.log(side)).split('\n').filter((line) => line.includes(`[${pid}]`))).toContainEqual(
          expect.stringMatching(/ERROR: {2}canceling statement due to user request/),
        );
      }
    });
  });

  for (const side of sides)
    test(`a ${side} that is killed is a clear sentence and exit 2`, async () => {
      const ended = await held(['destination'], async () => {
        const running = validate();
        await waiting(['destination']);
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
