import { describe, expect, test } from 'vitest';
import { bucketOf, type Coverage, changedTables, printsOf } from '../../src/validator/proof/covered.ts';

type Sides = NonNullable<ReturnType<Coverage['each']['get']>>;
/** Names of one bucket. */
const names = Array.from({ length: 20_000 }, (_, n) => `public.t${n}`).filter((name) => bucketOf(name) === bucketOf('public.t0'));
const elsewhere = 'public.elsewhere';
const both: Sides = { source: 'as it was', destination: 'as it was' };
const tables = (from: number, to: number) =>
  new Map([[elsewhere, both], ...names.slice(from, to).map((name): [string, Sides] => [name, both])]);
/** The table that is the `n`th of the bucket. */
const withTable = (all: Map<string, Sides>, n: number, sides: Sides) => all.set(names[n] ?? '', sides);

describe('the tables that are not what they were', () => {
  const before = printsOf(tables(0, 40));

  test.each([0, 1, 2, 3])('are the %i that a bucket has more of than before', (more) => {
    expect(changedTables(tables(0, 40 + more), before).sort()).toEqual(names.slice(40, 40 + more).sort());
  });

  test('are all of a bucket to which more were added than anybody wants to look for', () => {
    expect(changedTables(tables(0, 44), before).sort()).toEqual(names.slice(0, 44).sort());
  });

  test('are those alone that came to the side that had them not, beside others that are on one side or on both', () => {
    const half = printsOf(withTable(withTable(tables(0, 40), 40, { source: 'as it was' }), 41, { destination: 'as it was' }));
    expect(changedTables(tables(0, 42), half).sort()).toEqual(names.slice(40, 42).sort());
    const grown = withTable(tables(0, 42), 42, { destination: 'as it was' });
    expect(changedTables(grown, half).sort()).toEqual(names.slice(40, 43).sort());
    expect(changedTables(grown, printsOf(tables(0, 42)))).toEqual(names.slice(42, 43));
  });

  test('are all of a bucket in which one was changed on a side or dropped, also where others were added', () => {
    const all = (to: number, from = 0) => names.slice(from, to).sort();
    for (const rewritten of [{ source: 'rewritten' }, { destination: 'rewritten' }, { source: 'rewritten', destination: 'rewritten' }]) {
      expect(changedTables(withTable(tables(0, 40), 0, { ...both, ...rewritten }), before).sort()).toEqual(all(40));
      expect(changedTables(withTable(tables(0, 41), 0, { ...both, ...rewritten }), before).sort()).toEqual(all(41));
    }
    expect(changedTables(withTable(tables(0, 40), 0, { source: 'as it was' }), before).sort()).toEqual(all(40));
    expect(changedTables(tables(1, 40), before).sort()).toEqual(all(40, 1));
    expect(changedTables(tables(1, 41), before).sort()).toEqual(all(41, 1));
  });

  test('tell the sides apart', () => {
    const swapped = printsOf(withTable(tables(1, 40), 0, { source: 'one', destination: 'other' }));
    expect(changedTables(withTable(tables(1, 40), 0, { source: 'other', destination: 'one' }), swapped)).toHaveLength(40);
  });

  test('are all where nothing is known of before', () => {
    expect(changedTables(tables(0, 2), {}).sort()).toEqual([elsewhere, ...names.slice(0, 2)].sort());
  });
});
