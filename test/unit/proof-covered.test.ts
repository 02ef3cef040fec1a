import { describe, expect, test } from 'vitest';
import { bucketOf, changedTables, printsOf } from '../../src/validator/proof/covered.ts';

/** Names of one bucket. */
const names = Array.from({ length: 20_000 }, (_, n) => `public.t${n}`).filter((name) => bucketOf(name) === bucketOf('public.t0'));
const elsewhere = 'public.elsewhere';
const tables = (from: number, to: number, print = 'as it was') =>
  new Map([[elsewhere, print], ...names.slice(from, to).map((name) => [name, print] as const)]);

describe('the tables that are not what they were', () => {
  const before = printsOf(tables(0, 40));

  test.each([0, 1, 2, 3])('are the %i that a bucket has more of than before', (more) => {
    expect(changedTables(tables(0, 40 + more), before).sort()).toEqual(names.slice(40, 40 + more).sort());
  });

  test('are all of a bucket to which more were added than anybody wants to look for', () => {
    expect(changedTables(tables(0, 44), before).sort()).toEqual(names.slice(0, 44).sort());
  });

  test('are all of a bucket in which one was changed or dropped, also where others were added', () => {
    const [first = ''] = names;
    expect(changedTables(tables(0, 40).set(first, 'rewritten'), before).sort()).toEqual(names.slice(0, 40).sort());
    expect(changedTables(tables(0, 41).set(first, 'rewritten'), before).sort()).toEqual(names.slice(0, 41).sort());
    expect(changedTables(tables(1, 40), before).sort()).toEqual(names.slice(1, 40).sort());
    expect(changedTables(tables(1, 41), before).sort()).toEqual(names.slice(1, 41).sort());
  });

  test('are all where nothing is known of before', () => {
    expect(changedTables(tables(0, 2), {}).sort()).toEqual([elsewhere, ...names.slice(0, 2)].sort());
  });
});
