import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { blockSlices, condition, rangeSlices } from '../../src/validator/rows/slices.ts';

const points = fc
  .uniqueArray(fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }), { minLength: 1, maxLength: 120 })
  .map((all) => all.sort((a, b) => (a < b ? -1 : 1)));

describe('ranges of a key', () => {
  test('every key of the whole bigint range falls into exactly one slice', () => {
    fc.assert(
      fc.property(points, fc.integer({ min: 1, max: 500 }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (at, pieces, key) => {
        const holders = rangeSlices('id', at, pieces).filter(
          (slice) => slice.by === 'range' && (slice.from === undefined || key >= slice.from) && (slice.to === undefined || key < slice.to),
        );
        expect(holders).toHaveLength(1);
      }),
    );
  });

  test('dense keys are cut evenly', () => {
    const slices = rangeSlices('id', [1n, 1_000_000n], 4);
    expect(slices.map((slice) => (slice.by === 'range' ? slice.to : 0n))).toEqual([250_000n, 500_000n, 750_000n, undefined]);
  });

  test('the histogram cuts where the rows are, not where the numbers are', () => {
    const slices = rangeSlices('id', [0n, 10n, 20n, 1_000_000_000n], 3);
    expect(slices.map((slice) => (slice.by === 'range' ? slice.to : 0n))).toEqual([10n, 20n, undefined]);
  });
});

describe('heap pages', () => {
  test('every page of both sides is in exactly one slice, pages that are added meanwhile in the last', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.nat(1_000_000),
        fc.integer({ min: 1, max: 50 }),
        fc.nat(2_000_000),
        (source, destination, pieces, page) => {
          const slices = blockSlices({ source, destination }, pieces);
          for (const side of ['source', 'destination'] as const) {
            const holders = slices.filter(
              (slice) => slice.by === 'blocks' && page >= slice[side].from && page < (slice[side].to ?? Number.POSITIVE_INFINITY),
            );
            expect(holders).toHaveLength(1);
          }
        },
      ),
    );
  });
});

test('bounds are parameters', () => {
  expect(condition({ by: 'range', column: 'Odd"Id', from: 5n, to: 9n }, 'source')).toEqual({
    sql: 't."Odd""Id" >= $1::bigint and t."Odd""Id" < $2::bigint',
    values: ['5', '9'],
  });
  expect(condition({ by: 'range', column: 'id', from: undefined, to: undefined }, 'source')).toEqual({ sql: 'true', values: [] });
});
