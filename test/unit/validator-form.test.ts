import { describe, expect, test } from 'vitest';
import { type Column, rowHash, sharedColumns } from '../../src/validator/rows/form.ts';

const column = (name: string, typeId: number, type = 'any'): Column => ({ name, type, typeId });
const hashOf = (source: Column, destination: Column = source) => rowHash(sharedColumns([source], [destination]), 'record');
const byText = 'hashint4extended(1, coalesce(hashtextextended(t."c"::text collate "C", 1), 1))';

describe('how a column is hashed', () => {
  test('by the function of its type where that tells all values apart, text byte by byte', () => {
    expect(hashOf(column('c', 23))).toBe('hashint4extended(1, coalesce(hashint4extended(t."c", 1), 1))');
    expect(hashOf(column('c', 25))).toBe('hashint4extended(1, coalesce(hashtextextended(t."c" collate "C", 1), 1))');
    expect(hashOf(column('c', 17))).toBe('hashint4extended(1, hash_record_extended(row(t."c"), 0))');
  });

  test('what is 64 bits wide in a form that its hash does not fold: the own hash takes 1 and 2^32 for the same', () => {
    expect(hashOf(column('c', 20))).toBe('hashint4extended(1, coalesce(hashint4extended(1, t."c"), 1))');
    expect([1083, 1114, 1184, 1266, 3220].map((typeId) => /row\((\w+)/.exec(hashOf(column('c', typeId)))?.[1])).toEqual([
      'time_send',
      'timestamp_send',
      'timestamptz_send',
      'timetz_send',
      'pg_lsn_send',
    ]);
  });

  test('by text: what hashes unequal values alike or equal values apart (numeric, jsonb, json, interval, arrays), and every type that users make', () => {
    for (const typeId of [1700, 3802, 114, 1186, 1007, 1009, 2951, 600, 16_384, 99_999]) expect(hashOf(column('c', typeId))).toBe(byText);
  });

  test('floats and char(n) by their send form, so that -0 and blanks count', () => {
    expect([700, 701, 1042].map((typeId) => /row\((\w+)/.exec(hashOf(column('c', typeId)))?.[1])).toEqual([
      'float4send',
      'float8send',
      'bpcharsend',
    ]);
  });

  test('by text where the two sides have different types, or another length of char(n)', () => {
    expect(hashOf(column('c', 23), column('c', 20))).toBe(byText);
    expect(hashOf(column('c', 1042, 'character(5)'), column('c', 1042, 'character(9)'))).toBe(byText);
    expect(hashOf(column('c', 1043, 'character varying(5)'), column('c', 1043, 'character varying(9)'))).not.toBe(byText);
  });
});

test('columns are taken by name, in the order of their names, and only those that both sides have', () => {
  const shared = sharedColumns(
    [column('b', 23), column('gone', 23), column('a', 23)],
    [column('a', 23), column('new', 23), column('b', 23)],
  );
  expect(shared.map((each) => each.name)).toEqual(['a', 'b']);
  expect(rowHash(shared, 'record')).toBe(
    'hashint4extended(1, coalesce(hashint4extended(t."a", 1), 1) # coalesce(hashint4extended(t."b", 2), 2))',
  );
});

test('a table without columns has rows that are all alike', () => {
  expect(rowHash([], 'record')).toBe('0::bigint');
});
