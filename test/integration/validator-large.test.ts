import { afterAll, beforeAll, expect, test } from 'vitest';
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

test('large tables are cut into pages, ranges and buckets, and come out equal, each row read once', async () => {
  const seen: number[] = [];
  const verdict = await world.compare({ parts: 'rows', progress: (done) => seen.push(done.rows) });
  expect(verdict.equal).toBe(true);
  expect(verdict.tables.map((each) => [each.table, each.sourceRows, each.destinationRows])).toEqual([
    ['public.bag', 160_000, 160_000],
    ['public.event', 200_001, 200_001],
    ['public.token', 160_000, 160_000],
  ]);
  expect(seen.at(-1)).toBe(520_001);
  // 2 or more slices of pages, 5 ranges, the bag.
  expect(seen.length).toBeGreaterThanOrEqual(8);
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
