import { describe, expect, test } from 'vitest';
import { type Column, exact, rowHash, sharedColumns } from '../../src/validator/rows/form.ts';

const column = (name: string, typeId: number, type = 'any', nondeterministic = false): Column => ({ name, type, typeId, nondeterministic });
const formOf = (source: Column, destination: Column = source) => sharedColumns([source], [destination])[0]?.form;

describe('how a column is hashed', () => {
  test('exact built-in types natively', () => {
    for (const typeId of [16, 17, 21, 23, 25, 1043, 1082, 2950]) expect(formOf(column('c', typeId))).toBe('native');
  });

  test('by text: what hashes unequal values alike or equal values apart (numeric, jsonb, json, interval, arrays), and every type that users make', () => {
    for (const typeId of [1700, 3802, 114, 1186, 1007, 1009, 2951, 600, 16_384, 99_999]) expect(formOf(column('c', typeId))).toBe('text');
  });

  test('floats and char(n) by their send form, so that -0 and blanks count', () => {
    expect([700, 701, 1042].map((typeId) => formOf(column('c', typeId)))).toEqual(['float4send', 'float8send', 'bpcharsend']);
  });

  test('what is 64 bits wide in a form that its hash does not fold: the own hash takes 1 and 2^32 for the same', () => {
    const [wide] = sharedColumns([column('c', 20)], [column('c', 20)]);
    expect(wide && exact(wide)).toBe('t."c", t."c" >> 32');
    expect([1083, 1114, 1184, 1266, 3220].map((typeId) => formOf(column('c', typeId)))).toEqual([
      'time_send',
      'timestamp_send',
      'timestamptz_send',
      'timetz_send',
      'pg_lsn_send',
    ]);
  });

  test('by text where the two sides have different types, or another length of char(n)', () => {
    expect(formOf(column('c', 23), column('c', 20))).toBe('text');
    expect(formOf(column('c', 1042, 'character(5)'), column('c', 1042, 'character(9)'))).toBe('text');
    expect(formOf(column('c', 1043, 'character varying(5)'), column('c', 1043, 'character varying(9)'))).toBe('native');
  });

  test('under collation C where either side has a nondeterministic one', () => {
    const [shared] = sharedColumns([column('c', 25)], [column('c', 25, 'any', true)]);
    expect(shared && exact(shared)).toBe('t."c" collate "C"');
  });
});

test('columns are taken by name, in the order of their names, and only those that both sides have', () => {
  const shared = sharedColumns(
    [column('b', 23), column('gone', 23), column('a', 23)],
    [column('a', 23), column('new', 23), column('b', 23)],
  );
  expect(shared.map((each) => each.name)).toEqual(['a', 'b']);
  expect(rowHash(shared, 'record')).toBe('hashint4extended(1, hash_record_extended(row(t."a", t."b"), 0))');
});

test('a table without columns has rows that are all alike', () => {
  expect(rowHash([], 'record')).toBe('0::bigint');
});
