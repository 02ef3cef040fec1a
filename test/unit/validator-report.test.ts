import { describe, expect, test } from 'vitest';
import { csvLine } from '../../src/validator/files.ts';
import { progressLine } from '../../src/validator/progress.ts';
import { reportOf, rowLine } from '../../src/validator/report.ts';
import { batches } from '../../src/validator/rows/drill.ts';
import type { Verdict } from '../../src/validator/types.ts';
import { duration, size } from '../../src/validator/units.ts';

describe('what people read', () => {
  test('progress has rate and time left', () => {
    expect(progressLine({ bytes: 5e8, ofBytes: 2e9, rows: 1_200_000, table: 'public.campaign' }, 10_000)).toBe(
      '25 % of 2.00 GB, 1,200,000 rows, 50.0 MB/s, 30 s left, now public.campaign',
    );
    expect(progressLine({ bytes: 0, ofBytes: 0, rows: 0, table: 't' }, 0)).toBe('100 % of 0 B, 0 rows, now t');
  });

  test('a long value is shown from where it begins to differ', () => {
    const long = 'a'.repeat(1_000);
    const line = rowLine({ key: { id: '1' }, kind: 'changed', columns: [{ column: 'c', source: `${long}X`, destination: `${long}Y` }] });
    expect(line).toMatch(/^changed id=1: c …a{40}X → …a{40}Y$/);
  });

  test('NULL, empty text, blanks and line ends are told apart', () => {
    const columns = [
      { column: 'a', source: null, destination: '' },
      { column: 'b', source: 'x ', destination: 'x\n' },
    ];
    expect(rowLine({ key: { id: null }, kind: 'changed', columns })).toBe("changed id=NULL: a NULL → ''; b x  → x\\n");
  });

  test('rows that kept moving are named and are no difference', () => {
    const table = {
      database: 'd',
      table: 'public.t',
      sourceRows: 5,
      destinationRows: 5,
      equal: true,
      missing: 0,
      extra: 0,
      changed: 0,
      unsettled: 2,
      rows: [],
    };
    const verdict: Verdict = {
      equal: true,
      tables: [table],
      objects: [],
      expected: [],
      notCompared: [],
      rows: 5,
      bytes: 100,
      durationMs: 10,
    };
    expect(reportOf(verdict, 20, undefined)).toMatch(/^EQUAL\n[\s\S]*Kept moving, so not judged \(no difference\): public\.t 2 rows/);
  });

  test('figures', () => {
    expect([size(999), size(2_380_000_000), size(58e6)]).toEqual(['999 B', '2.38 GB', '58.0 MB']);
    expect([duration(400), duration(12_000), duration(185_000), duration(7_800_000)]).toEqual([
      '0.4 s',
      '12 s',
      '3 min 05 s',
      '2 h 10 min',
    ]);
  });
});

test('a CSV field tells NULL from empty text', () => {
  expect(csvLine(['a,b', 'say "x"', null, '', 'two\nlines'])).toBe('"a,b","say ""x""",,"","two\nlines"\n');
});

test('bad buckets are listed in groups, and a bucket that is too big alone', () => {
  const buckets = [30, 30, 30, 200, 10].map((rows, i) => ({ bucket: String(i), rows }));
  expect(batches(buckets, 100)).toEqual([['0', '1', '2'], ['3'], ['4']]);
});
