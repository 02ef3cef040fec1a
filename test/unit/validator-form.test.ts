import { describe, expect, test } from 'vitest';
import { type Column, rowHash, sharedColumns } from '../../src/validator/rows/form.ts';

const column = (name: string, typeId: number, type = 'any'): Column => ({ name, type, typeId });
const hashOf = (source: Column, destination: Column = source) => rowHash(sharedColumns([source], [destination]), 'columns');
const byText = 'hashint4extended(1, coalesce(hashtextextended(t."c"::text collate "C", 1), 1))';

describe('how a column is hashed', () => {
  test('by the function of its type where that tells all values apart, text byte by byte', () => {
    expect(hashOf(column('c', 23))).toBe('hashint4extended(1, coalesce(hashint4extended(t."c", 1), 1))');
    expect(hashOf(column('c', 25))).toBe('hashint4extended(1, coalesce(hashtextextended(t."c" collate "C", 1), 1))');
    expect(hashOf(column('c', 17))).toBe('hashint4extended(1, hash_array_extended(array[t."c"], 0))');
  });

  test('what is 64 bits wide in a form that its hash does not fold: the own hash takes 1 and 2^32 for the same', () => {
    expect(hashOf(column('c', 20))).toBe('hashint4extended(1, coalesce(hashint4extended(1, t."c"), 1))');
    expect([1083, 1114, 1184, 1266, 3220].map((typeId) => /array\[(\w+)/.exec(hashOf(column('c', typeId)))?.[1])).toEqual([
      'time_send',
      'timestamp_send',
      'timestamptz_send',
      'timetz_send',
      'pg_lsn_send',
    ]);
  });

  test('by text: what hashes unequal values alike or equal values apart (jsonb, json, interval, arrays of such), and most types that users make', () => {
    for (const typeId of [3802, 114, 1186, 1016, 1022, 1185, 1231, 1014, 3807, 600, 16_384, 99_999])
      expect(hashOf(column('c', typeId))).toBe(byText);
  });

  test('char(n) and numeric by their bytes, so that blanks and the scale count', () => {
    expect([1042, 1700].map((typeId) => /array\[(\w+)/.exec(hashOf(column('c', typeId)))?.[1])).toEqual(['bpcharsend', 'numeric_send']);
  });

  test('floats by their hash, but zero by its text, so that -0 counts, and every NaN as the same', () => {
    expect(hashOf(column('c', 701))).toContain(
      `case t."c" when '0' then hashtextextended(t."c"::text collate "C", 1) when 'NaN' then hashtextextended('NaN' collate "C", 1) else hashfloat8extended(t."c", 1) end`,
    );
  });

  test('by text where the two sides have different types, or another length of char(n)', () => {
    expect(hashOf(column('c', 23), column('c', 20))).toBe(byText);
    expect(hashOf(column('c', 1042, 'character(5)'), column('c', 1042, 'character(9)'))).toBe(byText);
    expect(hashOf(column('c', 1043, 'character varying(5)'), column('c', 1043, 'character varying(9)'))).not.toBe(byText);
  });
});

describe('what consists of parts', () => {
  const status = { ...column('c', 16_400, 'public.status'), labels: ['new', "it's"] };
  const contact = { ...column('c', 16_410, 'public.contact'), fields: [column('n', 23), column('at', 1184), { ...status, name: 's' }] };

  test('an array by its elements, its bounds and its dimensions, text byte by byte', () => {
    expect(hashOf(column('c', 1009))).toBe(
      'hashint4extended(1, coalesce(hashint4extended(coalesce(array_lower(t."c", 1), 0), case when array_ndims(t."c") > 1 then hashtextextended(array_dims(t."c") collate "C", hash_array_extended(t."c" collate "C", 1) # hashint4extended(1, 0)) else hash_array_extended(t."c" collate "C", 1) # hashint4extended(1, 0) end), 1))',
    );
  });

  test('an enum as its text is, once for each label that both sides have', () => {
    const other = { ...status, typeId: 17_000, labels: ['new', 'old'] };
    expect(hashOf(status, other)).toBe(
      `hashint4extended(1, coalesce(case t."c" when 'new'::public.status then hashtextextended('new' collate "C", 1) else hashtextextended(t."c"::text collate "C", 1) end, 1))`,
    );
    const many = { ...status, labels: Array.from({ length: 11 }, (_, i) => `l${i}`) };
    for (const text of [hashOf(many), hashOf(status, { ...status, labels: ['old'] }), hashOf(status, { ...status, type: 'app.status' })])
      expect(text).toBe(byText);
  });

  test('a composite field by field, so that none of it is not a row of NULLs, whatever the oids', () => {
    const hash = hashOf(contact, { ...contact, typeId: 17_000 });
    expect(hash).toContain(
      `coalesce(hashint4extended((t."c")."n", 3), hashint4extended(num_nonnulls(t."c", case when false then row(null, null, null)::public.contact end), 1))`,
    );
    expect(hash).toContain(`case (t."c")."s" when 'new'::public.status then hashtextextended('new' collate "C", 4)`);
    expect(hash).toContain('hash_array_extended(array[timestamptz_send((t."c")."at")], 0)');
  });

  test('a composite by its text where the fields are not the same in the same order, or are more than a table has columns', () => {
    const [first, second, third] = contact.fields;
    const others = [
      [second, first, third],
      [first, second],
      [first, { ...column('at', 1114, 'timestamp without time zone') }, third],
      undefined,
    ];
    for (const fields of others) expect(hashOf(contact, { ...contact, fields } as Column)).toBe(byText);
    const wide = { ...contact, fields: Array.from({ length: 1_600 }, (_, i) => column(`f${i}`, 23)) };
    expect(hashOf(wide)).toBe(byText);
  });
});

test('columns are taken by name, in the order of their names, and only those that both sides have', () => {
  const shared = sharedColumns(
    [column('b', 23), column('gone', 23), column('a', 23)],
    [column('a', 23), column('new', 23), column('b', 23)],
  );
  expect(shared.map((each) => each.name)).toEqual(['a', 'b']);
  expect(rowHash(shared, 'columns')).toBe(
    'hashint4extended(1, coalesce(hashint4extended(t."a", 1), 1) # coalesce(hashint4extended(t."b", 2), 2))',
  );
});

test('a table without columns has rows that are all alike', () => {
  expect(rowHash([], 'columns')).toBe('0::bigint');
});
