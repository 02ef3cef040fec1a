import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { both, withPairs } from '../../src/validator/pairs.ts';
import { slicesOf } from '../../src/validator/rows/slicing.ts';
import { added, nothing, sumsOf } from '../../src/validator/rows/sums.ts';
import { commonTables, tablesOf } from '../../src/validator/rows/tables.ts';
import { openWorld, type ValidatorWorld } from '../support/validator-world.ts';

/** Few rows on a page: more than 128 MB of heap, which is cut by pages, and more rows than are listed without buckets. */
const table = `
create table token (id uuid primary key, n int, filler text) with (fillfactor = 10);
insert into token select md5(i::text)::uuid, i, repeat('x', 60) from generate_series(1, 160000) i;
create table bag (n int, what text);
insert into bag select i / 2, 'w' from generate_series(1, 160000) i;
create table event (id bigint primary key, n int);
insert into event select i, i from generate_series(-100000, 100000) i;
analyze`;

let world: ValidatorWorld;
beforeAll(async () => {
  world = await openWorld();
  await world.rebuild({ source: [table], destination: [table] });
});
afterAll(() => world?.close());

test('large tables are cut into pages and buckets, and come out equal, each row read once', async () => {
  const read = async (request: Parameters<typeof world.compare>[0]) => {
    const seen: number[] = [];
    const verdict = await world.compare({ parts: 'rows', ...request, progress: (done) => seen.push(done.rows) });
    expect(verdict.equal).toBe(true);
    expect(verdict.tables.map((each) => [each.table, each.sourceRows, each.destinationRows])).toEqual([
      ['public.bag', 160_000, 160_000],
      ['public.event', 200_001, 200_001],
      ['public.token', 160_000, 160_000],
    ]);
    expect(seen.at(-1)).toBe(520_001);
    return seen.length;
  };
  // At rest: 2 or more slices of pages, the event, the bag; by one connection all three as a whole.
  expect(await read({ connections: 2 })).toBeGreaterThanOrEqual(4);
  expect(await read({ connections: 1 })).toBe(3);
});

test('while rows change a table in the order of its key is cut into ranges, which read each row once', async () => {
  const factory = (side: 'source' | 'destination') => ({
    async open(database: string, name: string) {
      const client = new Client({ ...world.admin[side], database, application_name: name });
      await client.connect();
      return client;
    },
  });
  const { signal } = new AbortController();
  await withPairs({ source: factory('source'), destination: factory('destination') }, 'inapp', 1, signal, async ([pair]) => {
    if (!pair) throw new Error('no pair');
    const found = await both(pair, (session) => tablesOf(session, { tables: ['public.event'] }));
    const [event] = commonTables(found.source, found.destination);
    if (!event) throw new Error('no table');
    const slices = await slicesOf(event, pair.source, pair.destination, { live: true, connections: 1 });
    expect(slices.length).toBeGreaterThanOrEqual(4);
    expect(slices.map(({ by }) => by)).not.toContain('all');
    let sums = nothing;
    for (const slice of slices) sums = added(sums, await sumsOf(pair, event, slice, 'columns'));
    expect(sums).toEqual(await sumsOf(pair, event, { by: 'all' }, 'columns'));
    expect(sums.source).toMatchObject({ rows: 200_001 });
  });
});

test('single rows in them are found, also keys beyond the source’s', async () => {
  await world.on(
    'destination',
    `update token set n = 0 where id = md5('5')::uuid`,
    `delete from token where id = md5('159999')::uuid`,
    `insert into token values ('00000000-0000-4000-8000-000000000000', 1, 'x')`,
    `delete from bag where ctid in (select ctid from bag where n = 70 limit 1)`,
    `insert into event values (-9000000000000000000, 1), (9000000000000000000, 1)`,
    `update event set n = 3 where id = -77`,
  );
  const verdict = await world.compare({ parts: 'rows' });
  const found = verdict.tables.flatMap((each) => each.rows.map((row) => `${each.table} ${row.kind} ${row.key['id'] ?? row.key['n']}`));
  expect(found.sort()).toEqual([
    'public.bag missing 70',
    'public.event changed -77',
    'public.event extra -9000000000000000000',
    'public.event extra 9000000000000000000',
    'public.token changed e4da3b7f-bbce-2345-d777-2b0674a318d5',
    'public.token extra 00000000-0000-4000-8000-000000000000',
    'public.token missing b8ec0377-1594-f859-adb3-7067d05c6273',
  ]);
});

test('a table in which everything differs is counted in full', async () => {
  await world.on('destination', 'update token set filler = filler || 1');
  const verdict = await world.compare({ parts: 'rows', tables: ['public.token'] });
  expect(verdict.tables).toMatchObject([{ changed: 159_999, missing: 1, extra: 1 }]);
  expect(verdict.tables[0]?.rows).toHaveLength(20);
});
