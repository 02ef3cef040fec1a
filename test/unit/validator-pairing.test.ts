import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { candidates, counted, type Listed } from '../../src/validator/rows/pairing.ts';

const listed: fc.Arbitrary<Listed[]> = fc.array(
  fc.tuple(fc.constantFrom('["a"]', '["b"]', '["c"]', '[null]'), fc.constantFrom('1', '2', '3'), fc.constantFrom('1', '1', '3')),
  { maxLength: 30 },
);
const sum = (rows: readonly Listed[]) => rows.reduce((all, [, , times]) => all + Number(times), 0);

describe('two lists of rows', () => {
  test('with the same rows in another order differ in nothing', () => {
    fc.assert(
      fc.property(listed, fc.integer(), (rows, seed) => {
        const turned = [...rows.slice(seed % (rows.length || 1)), ...rows.slice(0, seed % (rows.length || 1))];
        expect(candidates(rows, [...turned].reverse())).toEqual([]);
      }),
    );
  });

  test('the counts tell exactly by how many rows the sides differ, duplicates included', () => {
    fc.assert(
      fc.property(listed, listed, (source, destination) => {
        for (const bag of [false, true]) {
          const { missing, extra } = counted(candidates(source, destination), bag);
          expect(missing - extra).toBe(sum(source) - sum(destination));
        }
      }),
    );
  });

  test('source and destination change places with missing and extra', () => {
    fc.assert(
      fc.property(listed, listed, (source, destination) => {
        const there = counted(candidates(source, destination), false);
        const back = counted(candidates(destination, source), false);
        expect(back).toEqual({ missing: there.extra, extra: there.missing, changed: there.changed });
      }),
    );
  });

  test('a key with another hash is changed; in a bag it is one missing and one extra', () => {
    const row = (hash: string): Listed => ['["k"]', hash];
    expect(counted(candidates([row('1')], [row('2')]), false)).toEqual({ missing: 0, extra: 0, changed: 1 });
    expect(counted(candidates([row('1')], [row('2')]), true)).toEqual({ missing: 1, extra: 1, changed: 0 });
  });

  test('a key that the destination has twice is one extra row', () => {
    const row: Listed = ['["k"]', '1'];
    expect(counted(candidates([row], [row, row]), false)).toEqual({ missing: 0, extra: 1, changed: 0 });
  });

  test('keys with null, quotes, commas and line ends are not mixed up', () => {
    const rows: Listed[] = [
      ['[null, "a"]', '1'],
      ['["null", "a"]', '2'],
      ['["a\\",\\"b", ""]', '3'],
      ['["a\\nb", "b"]', '4'],
    ];
    expect(candidates(rows, [...rows].reverse())).toEqual([]);
    expect(candidates(rows, rows.slice(1))).toEqual([{ key: [null, 'a'], source: 1, destination: 0 }]);
    expect(candidates(rows, rows.slice(0, 3))).toEqual([{ key: ['a\nb', 'b'], source: 1, destination: 0 }]);
  });
});
