import { describe, expect, it } from 'vitest';
import { exhibitsOf, rowLines } from '../../src/validator/exhibits.ts';
import { csvOf } from '../../src/validator/masked-csv.ts';
import type { Differing, TableVerdict, Verdict } from '../../src/validator/types.ts';
import { recordOf, verdictText } from '../../src/validator/verdict-report.ts';

const show = { 'public.campaign': ['id', 'priority'] };
const changed: Differing = {
  key: { id: '88123' },
  kind: 'changed',
  columns: [
    { column: 'priority', source: '3', destination: '4' },
    { column: 'email', source: 'ana@example.org', destination: null },
  ],
};
const equalTable: TableVerdict = {
  database: 'inapp',
  table: 'public.program',
  sourceRows: 1_500,
  destinationRows: 1_500,
  equal: true,
  missing: 0,
  extra: 0,
  changed: 0,
  unsettled: 0,
  rows: [],
};
const differing = (more: Partial<TableVerdict> = {}): TableVerdict => ({
  ...equalTable,
  table: 'public.campaign',
  sourceRows: 18_204,
  destinationRows: 18_204,
  equal: false,
  changed: 1,
  rows: [changed],
  ...more,
});
const verdict = (more: Partial<Verdict> = {}): Verdict => ({
  equal: false,
  tables: [differing(), equalTable],
  objects: [],
  expected: [],
  notCompared: [],
  rows: 19_704,
  bytes: 5_000_000,
  durationMs: 500,
  ...more,
});

describe('what people are shown of a difference', () => {
  it('is the old and the new value of each column that differs, masked unless the service file shows the column', () => {
    expect(rowLines('public.campaign', changed, show)).toEqual(['id=88123', '- priority 3', '+ priority 4', '- email ***', '+ email NULL']);
    expect(rowLines('public.campaign', changed, {})[0]).toBe('id=***');
  });

  it('says of a row that one side lacks which side has it', () => {
    expect(rowLines('public.campaign', { key: { id: '7' }, kind: 'missing', columns: [] }, show)).toEqual(['- id=7   only on the source']);
    expect(rowLines('public.campaign', { key: { id: '7' }, kind: 'extra', columns: [] }, show)).toEqual([
      '+ id=7   only on the destination',
    ]);
  });

  it('begins with a table of the whole', () => {
    const [first, second] = exhibitsOf(verdict(), show);
    expect(first?.table).toEqual([
      ['what', 'source', 'destination', 'result'],
      ['rows of public.campaign', '18,204', '18,204', '❌ 1 changed'],
      ['rows of 1 other table', '1,500', '1,500', '✅ equal'],
      ['schema, sequences', '', '', '✅ equal'],
    ]);
    expect(second?.title).toBe('public.campaign · 1 changed of 18,204 rows');
  });

  it('counts what is not shown, and never shows a value that is masked', () => {
    const rows = Array.from({ length: 40 }, (_, i): Differing => ({ ...changed, key: { id: `${i}`, secret: `s3cret-${i}` } }));
    const tables = Array.from({ length: 9 }, (_, i) => differing({ table: `public.t${i}`, changed: 1_000, rows }));
    const exhibits = exhibitsOf(verdict({ tables }), {});
    expect(exhibits.find((one) => one.title.startsWith('public.t0'))?.lines?.at(-1)).toBe('… 995 more rows');
    expect(exhibits.at(-1)?.title).toBe('4 more tables differ; the file lists them.');
    expect(JSON.stringify([exhibits, csvOf(verdict({ tables }), {})])).not.toMatch(/s3cret|ana@/);
  });

  it('shows objects that differ on both sides', () => {
    const objects = [{ database: 'inapp', kind: 'index', object: 'public.i', source: 'create index i', destination: null }];
    expect(exhibitsOf(verdict({ objects }), show).at(-1)?.lines).toEqual([
      'index public.i',
      '- create index i',
      '+ not on the destination',
    ]);
  });
});

describe('the file of all differences', () => {
  it('says how many rows it does not list, and which command lists them', () => {
    const csv = csvOf(verdict({ tables: [differing({ changed: 12 })] }), show);
    expect(csv.split('\n')).toEqual([
      'database,object,kind,key,column,source,destination',
      'inapp,public.campaign,changed,id=88123,priority,3,4',
      'inapp,public.campaign,changed,id=88123,email,***,null',
      'inapp,public.campaign,more,11 more rows: npx pgupgrade validate --table public.campaign --out DIR lists all',
    ]);
  });

  it('stays small enough for a log and a thread', () => {
    const rows = Array.from({ length: 500 }, (_, i): Differing => ({ ...changed, key: { id: `${i}` } }));
    const tables = Array.from({ length: 10 }, (_, i) => differing({ table: `public.t${i}`, changed: 500, rows }));
    const lines = csvOf(verdict({ tables }), show).split('\n');
    expect(lines).toHaveLength(2_002);
    expect(lines.at(-1)).toBe('8000 more lines: npx pgupgrade validate --out DIR lists all');
  });
});

it('the sentence of a comparison has its figures', () => {
  const equal = recordOf(verdict({ equal: true, tables: [equalTable], rows: 1_500, bytes: 1_000_000, durationMs: 500 }), 4);
  expect(verdictText(equal)).toBe(
    'equal: 1 table, 1,500 rows, 1.00 MB, schema and sequences in 0.5 s (3,000 rows/s, 2.00 MB/s, 4 connections on each side)',
  );
  expect(verdictText({ ...equal, unproved: 'the change feed of the source ended' })).toMatch(
    /^equal: .*; every row, because the change feed of the source ended$/,
  );
  expect(verdictText(recordOf(verdict(), 1))).toMatch(
    /^1 difference in 2 tables.*1 connection on each side\): public\.campaign: 0 rows missing, 0 extra, 1 changed$/,
  );
});

it('the sentence of a proof names the tables that were compared as a whole beside it', () => {
  const equal = recordOf(verdict({ equal: true, tables: [equalTable], rows: 1_500, bytes: 1_000_000, durationMs: 500 }), 4);
  const said = (tables: number, large: readonly string[]) => verdictText({ ...equal, proved: { keys: 3, tables, large, durationMs: 20 } });
  expect(said(0, [])).toContain('with the writes off 3 rows read again in 20 ms; schema and sequences;');
  expect(said(2, ['public.t'])).toContain('3 rows read again in 20 ms, 2 tables as a whole (public.t);');
  const twelve = Array.from({ length: 12 }, (_, i) => `t${i}`);
  expect(said(12, twelve)).toContain(`12 tables as a whole (${twelve.slice(0, 10).join(', ')} and 2 more);`);
});

it('the sentence of a comparison says what was not compared and is no obstacle', () => {
  const aside = (object: string, reason: string) => ({ database: 'inapp', object, reason, obstacle: false });
  const notCompared = [
    aside('public.a', 'A materialized view: its rows are made anew by REFRESH.'),
    aside('public.b', 'A foreign table: its rows lie on another server.'),
    aside('public.c', 'A materialized view: its rows are made anew by REFRESH.'),
  ];
  const record = recordOf(verdict({ equal: true, tables: [equalTable], notCompared }), 1);
  expect(verdictText(record)).toMatch(/; not compared: 1 foreign table, 2 materialized views$/);
  expect(verdictText({ ...record, proved: { keys: 1, tables: 0, durationMs: 1 } })).toMatch(/; not compared: 1 foreign table, 2 materi/);
  expect(recordOf(verdict(), 1)).not.toHaveProperty('aside');
});
