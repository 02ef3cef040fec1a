import { describe, expect, test } from 'vitest';
import { readChange } from '../../src/validator/proof/change.ts';

const rowsOf = (text: string) => {
  const change = readChange(text);
  if (change.kind !== 'row') throw new Error(change.kind);
  return change.rows.map((row) => Object.fromEntries(row));
};

describe('a message of test_decoding', () => {
  test('says which table and what the row is', () => {
    const text = `table public."Wéird.""x": INSERT: id[bigint]:-1 "a[b"[character varying]:'it''s: new-tuple: x' n[numeric]:1.50 b[boolean]:true bits[bit varying]:B'01' none[text]:null`;
    expect(readChange(text)).toMatchObject({ kind: 'row', schema: 'public', name: 'Wéird."x' });
    expect(rowsOf(text)).toEqual([{ id: '-1', 'a[b': `it's: new-tuple: x`, n: '1.50', b: 'true', bits: '01', none: null }]);
  });

  test('gives the key before and after where it changed', () => {
    expect(
      rowsOf(`table s.t: UPDATE: old-key: id[integer]:1 new-tuple: id[integer]:2 tags[text[]]:'{a,"]:"}' big[text]:unchanged-toast-datum`),
    ).toEqual([{ id: '1' }, { id: '2', tags: '{a,"]:"}', big: undefined }]);
  });

  test('a type of any name ends where it ends', () => {
    expect(rowsOf(`table s.t: INSERT: a[s."odd]:name"[]]:'{x}' b[integer]:1`)).toEqual([{ a: '{x}', b: '1' }]);
  });

  test('without a key there is a row of which nothing is known', () => {
    expect(readChange('table s.t: DELETE: (no-tuple-data)')).toMatchObject({ kind: 'row', rows: [] });
    expect(readChange('table s.t: UPDATE: (no-tuple-data)')).toMatchObject({ kind: 'row', rows: [] });
  });

  test('transactions, messages and TRUNCATE are no rows', () => {
    expect(['BEGIN', 'COMMIT', 'message: transactional: 1 prefix: x, sz: 0 content:'].map((text) => readChange(text).kind)).toEqual([
      'begin',
      'commit',
      'other',
    ]);
    expect(readChange('table a.b: TRUNCATE: (no-flags)').kind).toBe('other');
    expect(readChange('table a.b, a."c, d": TRUNCATE: restart_seqs cascade').kind).toBe('other');
  });

  test('what it does not know it refuses, and no value stands in the error', () => {
    for (const text of ['table', 'table a.b: MERGE: id[integer]:1', `table a.b: INSERT: secret[text]:'never ended`, 'tablet'])
      expect(() => readChange(text), text).toThrow(/^the change feed says something unknown at character \d+ of a change of \d+$/);
  });
});
