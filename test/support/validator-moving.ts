import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import type { CompareRequest } from '../../src/validator/types.ts';
import { type ClusterWorld, openWorld } from './validator-world.ts';

const schema = `
create table account (id bigint primary key, balance numeric not null, note text);
create table toggle (id int primary key, v text not null);
create table token (id uuid primary key, n int);
create table pairs (list int, name text, at timestamptz, primary key (list, name)) partition by list (list);
create table pairs_1 partition of pairs for values in (1);
create table pairs_2 partition of pairs for values in (2);
create table journal (at timestamptz default clock_timestamp(), n int);
create table left_out (id int primary key);`;
const data = `
insert into account select i, i, 'a' || i from generate_series(1, 110000) i;
insert into toggle select i, 'A' from generate_series(1, 20) i;
insert into token select md5(i::text)::uuid, i from generate_series(1, 20000) i;
insert into pairs select 1 + i % 2, 'n' || i, '2024-01-01' from generate_series(1, 10000) i;
insert into journal select '2024-01-01', i / 2 from generate_series(1, 2000) i;
insert into left_out values (1);
analyze`;

/** A 15 that pglogical carries to a 17, in two subscriptions, as Database Migration Service does; one table was forgotten, and a journal has no key. */
export async function openMovingWorld(): Promise<ClusterWorld> {
  const world = await openWorld({ 'cloudsql.enable_pglogical': 'on' });
  const dsn = (side: 'source' | 'destination') => {
    const { host, port, user, password } = world.admin[side];
    return `host=${host} port=${port} dbname=inapp user=${user} password=${password}`;
  };
  await world.rebuild({ source: [schema], destination: [schema] });
  for (const side of ['source', 'destination'] as const)
    await world.on(side, 'create extension pglogical', `select pglogical.create_node('${side}', '${dsn(side)}')`);
  await world.on('source', data);
  const sets = [
    ['one', ['account', 'toggle']],
    ['two', ['token', 'pairs_1', 'pairs_2']],
  ] as const;
  for (const [set, tables] of sets) {
    await world.on('source', `select pglogical.create_replication_set('${set}')`);
    for (const table of tables) await world.on('source', `select pglogical.replication_set_add_table('${set}', '${table}')`);
    // Without a key only what is inserted can be carried.
    if (set === 'two')
      await world.on(
        'source',
        `select pglogical.create_replication_set('inserts', replicate_update := false, replicate_delete := false)`,
        `select pglogical.replication_set_add_table('inserts', 'journal')`,
      );
    await world.on(
      'destination',
      `select pglogical.create_subscription('sub_${set}', '${dsn('source')}', array[${set === 'two' ? `'two', 'inserts'` : `'${set}'`}], synchronize_structure := false, synchronize_data := true)`,
      `select pglogical.wait_for_subscription_sync_complete('sub_${set}')`,
    );
  }
  await world.on('destination', 'analyze');
  return world;
}

/** What the writers do: values that move, rows that come and go, values that turn between the same two, keys that change. */
const changes: readonly ((n: number) => string)[] = [
  (n) => `update account set balance = balance + 1 where id = ${1 + ((n * 7_919) % 60_000)}`,
  (n) => `update toggle set v = case v when 'A' then 'B' else 'A' end where id = ${1 + (n % 20)}`,
  (n) => `insert into token values (md5('new ' || ${n})::uuid, -1) on conflict (id) do update set n = token.n - 1`,
  // A multiple of as many as there are changes, and one: what an insert has brought.
  (n) => `delete from token where id = md5('new ' || ${n - 36})::uuid`,
  (n) => `update pairs set at = clock_timestamp() where list = ${1 + (n % 2)} and name = 'n${(n * 31) % 5_000}'`,
  (n) => {
    const id = 60_001 + (n % 5_000);
    return `update account set id = case when id < 1000000 then id + 1000000 else id - 1000000 end where id in (${id}, ${id + 1_000_000})`;
  },
  (n) => `insert into journal (n) values (${n})`,
];

/** Each waits for its own answer, on a busy machine for long; never a multiple of how many changes there are, or each writer makes one of them only. */
const writers = 10;

/** So many rows changed a second on the source while the work goes on; gives how many it were. */
export async function underLoad<T>(
  world: ClusterWorld,
  perSecond: number,
  work: () => Promise<T>,
): Promise<{ result: T; writes: number; seconds: number }> {
  const began = Date.now();
  const ending = new AbortController();
  let writes = 0;
  const writer = async (which: number) => {
    const client = new Client({ ...world.admin.source, database: 'inapp' });
    await client.connect();
    for (let n = which; !ending.signal.aborted; n += writers) {
      const { rowCount } = await client.query(changes[n % changes.length]?.(n) ?? '');
      writes += rowCount ?? 0;
      // Paced by the clock, not by the answers.
      const ahead = (writes / perSecond) * 1_000 - (Date.now() - began);
      if (ahead > 0) await pause(ahead);
    }
    await client.end();
  };
  const writing = Promise.all(Array.from({ length: writers }, (_, which) => writer(which)));
  try {
    return { result: await work(), writes, seconds: (Date.now() - began) / 1_000 };
  } finally {
    ending.abort();
    await writing;
  }
}

/** What is changed behind the replication's back, where no writer goes: how it is found, and how it is mended. */
function injections(run: number) {
  const id = 70_000 + run * 100;
  const token = (n: number) => `md5('${5_000 + run * 10 + n}')::uuid`;
  return [
    {
      make: `update account set balance = -1 where id = ${id}`,
      mend: `update account set balance = ${id} where id = ${id}`,
      found: `public.account changed ${id}`,
    },
    {
      make: `delete from account where id = ${id + 1}`,
      mend: `insert into account values (${id + 1}, ${id + 1}, 'a${id + 1}')`,
      found: `public.account missing ${id + 1}`,
    },
    {
      make: `insert into account values (${5_000_000 + run}, 1, 'extra')`,
      mend: `delete from account where id = ${5_000_000 + run}`,
      found: `public.account extra ${5_000_000 + run}`,
    },
    {
      make: `insert into toggle values (${1_000 + run}, 'B')`,
      mend: `delete from toggle where id = ${1_000 + run}`,
      found: `public.toggle extra ${1_000 + run}`,
    },
    {
      make: `update token set n = 0 where id = ${token(1)}`,
      mend: `update token set n = ${5_000 + run * 10 + 1} where id = ${token(1)}`,
      found: `public.token changed`,
    },
    {
      make: `delete from pairs where name = 'n${6_000 + run}'`,
      mend: `insert into pairs values (${1 + ((6_000 + run) % 2)}, 'n${6_000 + run}', '2024-01-01')`,
      found: `public.pairs_${1 + ((6_000 + run) % 2)} missing n${6_000 + run}`,
    },
    {
      make: `delete from journal where ctid = (select ctid from journal where n = ${700 + run} and at = '2024-01-01' limit 1)`,
      mend: `insert into journal values ('2024-01-01', ${700 + run})`,
      found: `public.journal missing ${700 + run}`,
    },
  ];
}

/** One live comparison under load: what it found, and what there was to find: the injected differences and the row of the forgotten table. */
export async function liveRun(world: ClusterWorld, run: number, perSecond: number, more: Partial<CompareRequest> = {}) {
  const injected = injections(run);
  await world.on('destination', ...injected.map(({ make }) => make));
  const { result, writes, seconds } = await underLoad(world, perSecond, () =>
    world.compare({ live: true, sequences: false, parts: 'rows', ...more }),
  );
  await world.on('destination', ...injected.map(({ mend }) => mend));
  const found = result.tables.flatMap((table) =>
    table.rows.map((row) =>
      `${table.table} ${row.kind} ${table.table === 'public.token' ? '' : (row.key['id'] ?? row.key['name'] ?? row.key['n'])}`.trim(),
    ),
  );
  const expected = ['public.left_out missing 1', ...injected.map((each) => each.found)].sort();
  return { found: found.sort(), expected, objects: result.objects, rate: writes / seconds };
}

/** The slots that carry the changes. */
export async function slotsOf(world: ClusterWorld): Promise<string[]> {
  const rows = await world.on('source', `select slot_name::text as name from pg_replication_slots where plugin = 'pglogical_output'`);
  return rows.map(({ name }) => String(name));
}
