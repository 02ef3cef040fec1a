import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rowHash, sharedColumns } from '../../src/validator/rows/form.ts';
import type { TableVerdict } from '../../src/validator/types.ts';
import { seed } from '../support/validator-seed.ts';
import { injectedInto, openWorld, type ValidatorWorld } from '../support/validator-world.ts';

let world: ValidatorWorld;
beforeAll(async () => {
  world = await openWorld();
  await world.rebuild(seed(500));
});
afterAll(() => world?.close());

const injected = (make: readonly string[], mend: readonly string[], side?: 'source' | 'destination') =>
  injectedInto(world, make, mend, side);

const quietly = 'set session_replication_role = replica';
const brief = (table: TableVerdict | undefined) =>
  table && {
    table: table.table,
    counts: [table.missing, table.extra, table.changed],
    rows: table.rows.map((row) => ({
      key: Object.values(row.key),
      kind: row.kind,
      columns: row.columns.map((c) => [c.column, c.source, c.destination]),
    })),
  };

test('two databases with the same content are equal although oids, heap order and catalogues differ, and nothing stays connected', async () => {
  const verdict = await world.compare();
  expect(verdict.objects).toEqual([]);
  expect(verdict.tables.filter((table) => !table.equal)).toEqual([]);
  expect(verdict.equal).toBe(true);
  expect(verdict.tables.map((table) => table.table)).toEqual(
    expect.arrayContaining(['public.campaign', 'audience_data.member_1', '"Odd ""Schema"."Odd.Table"', 'public.nothing', 'public.child']),
  );
  expect([await world.sessions('source'), await world.sessions('destination')]).toEqual([0, 0]);
});

describe('one row that differs is found, with key, column and both values, and nothing else', () => {
  const change = (name: string, set: string, back: string, columns: readonly (readonly (string | null)[])[]) =>
    test(name, async () => {
      const verdict = await injected(
        [quietly, `update campaign set ${set} where id = 77`],
        [quietly, `update campaign set ${back} where id = 77`],
      );
      expect(verdict.objects).toEqual([]);
      expect(verdict.tables.filter((table) => !table.equal).map(brief)).toEqual([
        { table: 'public.campaign', counts: [0, 0, 1], rows: [{ key: ['77'], kind: 'changed', columns }] },
      ]);
      expect(verdict.equal).toBe(false);
    });
  change('a float off by one unit in the last place', `score = 8.77496438739212`, `score = sqrt(77)`, [
    ['score', '8.774964387392123', '8.77496438739212'],
  ]);
  change('a numeric of another scale', `amount = 84.7`, `amount = 84.7000`, [['amount', '84.7000', '84.7']]);
  change('a jsonb number of another scale', `payload = '{"a": 77, "b": 1.5}'`, `payload = '{"a": 77, "b": 1.50}'`, [
    ['payload', '{"a": 77, "b": 1.50}', '{"a": 77, "b": 1.5}'],
  ]);
  change('json with other blanks', `document = '{"x": 77, "x": 1}'`, `document = '{"x":  77, "x": 1}'`, [
    ['document', '{"x":  77, "x": 1}', '{"x": 77, "x": 1}'],
  ]);
  change('an interval that is equal to =', `period = '2 mons 17 days'`, `period = '77 days'`, [['period', 'P77D', 'P2M17D']]);
  change('an enum', `status = 'new'`, `status = 'done'`, [['status', 'done', 'new']]);
  change('a null inside an array of composites', `contacts[1] = row(77, 'a', 'new')`, `contacts[1] = row(77, 'a', null)`, [
    ['contacts', '{"(77,a,)","(,\\"b, \\"\\"q\\"\\"\\",done)"}', '{"(77,a,new)","(,\\"b, \\"\\"q\\"\\"\\",done)"}'],
  ]);
  change('an array with other dimensions', `nums = array[77, 1, 2, 3]`, `nums = array[[77, 1], [2, 3]]`, [
    ['nums', '{{77,1},{2,3}}', '{77,1,2,3}'],
  ]);
  change('citext in another case', `mail = 'mail77@example.com'`, `mail = 'Mail77@Example.com'`, [
    ['mail', 'Mail77@Example.com', 'mail77@example.com'],
  ]);
  change('another case under a nondeterministic collation', `alias = 'ALIAS77'`, `alias = 'Alias77'`, [['alias', 'Alias77', 'ALIAS77']]);
  change('text in another normal form', `name = 'name 77 – nai\u0308ve 数'`, `name = 'name 77 – naïve 数'`, [
    ['name', 'name 77 – naïve 数', 'name 77 – nai\u0308ve 数'],
  ]);
});

describe('rows', () => {
  test('0.0 and -0.0 differ', async () => {
    await world.on('source', 'update campaign set score = 0 where id = 5');
    const verdict = await injected(
      ['update campaign set score = -0.0::float8 where id = 5'],
      ['update campaign set score = 0 where id = 5'],
    );
    await world.on('destination', 'update campaign set score = 0 where id = 5');
    const [table] = verdict.tables.filter((found) => !found.equal);
    // The literal -0.0::float8 is the negation of 0.0::float8.
    expect(brief(table)?.rows).toEqual([{ key: ['5'], kind: 'changed', columns: [['score', '0', '-0']] }]);
  });

  test('a NaN is the same however it was come by, and is not NULL', async () => {
    // What was computed has its sign bit set, what replication reads has not.
    await world.on(
      'source',
      `${quietly}; update campaign set score = 'Infinity'::float8 - 'Infinity', ratio = 'Infinity'::float4 - 'Infinity' where id = 6`,
    );
    const [score, ratio] = ['sqrt(6)', '6 / 3.0'];
    try {
      const nan = `update campaign set score = 'NaN', ratio = 'NaN' where id = 6`;
      const original = `update campaign set score = ${score}, ratio = ${ratio} where id = 6`;
      expect((await injected([quietly, nan], [quietly, original])).equal).toBe(true);
      const none = await injected([quietly, 'update campaign set score = null, ratio = null where id = 6'], [quietly, original]);
      expect(brief(none.tables.find((found) => !found.equal))?.rows[0]?.columns).toEqual([
        ['ratio', 'NaN', null],
        ['score', 'NaN', null],
      ]);
    } finally {
      await world.on('source', `${quietly}; update campaign set score = ${score}, ratio = ${ratio} where id = 6`);
    }
  });

  test("NULL and '' differ", async () => {
    const verdict = await injected(
      [`update contact set email = '' where campaign_id = 9`],
      [`update contact set email = 'e9@example.com' where campaign_id = 9`],
    );
    expect(verdict.tables.filter((table) => !table.equal).map((table) => table.rows[0]?.columns)).toEqual([
      [{ column: 'email', source: 'e9@example.com', destination: '' }],
    ]);
  });

  test('values swapped between two rows are seen although every sum of columns is equal', async () => {
    const swap = 'update campaign set customer_id = case id when 10 then 11 else 10 end where id in (10, 11)';
    const back = 'update campaign set customer_id = id where id in (10, 11)';
    const verdict = await injected([quietly, swap], [quietly, back]);
    const [table] = verdict.tables.filter((found) => !found.equal);
    expect(brief(table)?.counts).toEqual([0, 0, 2]);
    expect(table?.rows.map((row) => row.key)).toEqual(expect.arrayContaining([{ id: '10' }, { id: '11' }]));
    expect(table?.rows[0]?.columns.map((column) => column.column)).toEqual(['customer_id', 'doubled']);
  });

  test('a deleted row in a partition is missing, an inserted one in the default partition is extra', async () => {
    const verdict = await injected(
      [`delete from audience_data.member where list = 1 and id = 4`, `insert into audience_data.member values (99, 99, 'x')`],
      [`insert into audience_data.member values (1, 4, 'm4')`, `delete from audience_data.member where list = 99`],
    );
    expect(verdict.tables.filter((table) => !table.equal).map(brief)).toEqual([
      { table: 'audience_data.member_1', counts: [1, 0, 0], rows: [{ key: ['1', '4'], kind: 'missing', columns: [] }] },
      { table: 'audience_data.member_rest', counts: [0, 1, 0], rows: [{ key: ['99', '99'], kind: 'extra', columns: [] }] },
    ]);
    expect(verdict.objects).toEqual([]);
  });

  test('a table without a key is a bag: one row of three equal ones is missing', async () => {
    await world.on('source', `insert into event_log values (null, 'thrice', 1), (null, 'thrice', 1), (null, 'thrice', 1)`);
    await world.on('destination', `insert into event_log values (null, 'thrice', 1), (null, 'thrice', 1)`);
    const verdict = await world.compare();
    await world.on('source', `delete from event_log where what = 'thrice'`);
    await world.on('destination', `delete from event_log where what = 'thrice'`);
    expect(verdict.tables.filter((table) => !table.equal).map((table) => [table.table, table.missing, table.extra, table.rows])).toEqual([
      ['public.event_log', 1, 0, [{ kind: 'missing', key: { at: null, n: '1', what: 'thrice' }, columns: [] }]],
    ]);
  });

  test('names with quotes, dots, blanks and keywords are compared, and shown quoted', async () => {
    const table = '"Odd ""Schema"."Odd.Table"';
    const verdict = await injected(
      [`update ${table} set "val""ue" = 'other' where "Key Column" = 'key ''7'`],
      [`update ${table} set "val""ue" = 'v7' where "Key Column" = 'key ''7'`],
    );
    expect(verdict.tables.filter((found) => !found.equal).map(brief)).toEqual([
      { table, counts: [0, 0, 1], rows: [{ key: ["key '7"], kind: 'changed', columns: [['val"ue', 'v7', 'other']] }] },
    ]);
  });

  test('details are limited per table, counts are not, and every row is handed on as found', async () => {
    await world.on('destination', quietly, `delete from campaign where id between 101 and 150`);
    const found: string[] = [];
    const verdict = await world.compare({ rowsPerTable: 3, found: (table, row) => found.push(`${table} ${row.key['id']}`) });
    await world.rebuild(seed(500));
    const [table] = verdict.tables.filter((each) => !each.equal);
    expect([table?.missing, table?.rows.length, new Set(found).size]).toEqual([50, 3, 50]);
  });
});

describe('values that the types’ own hashes cannot tell apart', () => {
  const alike: readonly (readonly [type: string, source: string, destination: string])[] = [
    ['bigint', '1', '4294967296'],
    ['bigint', '-1', '4294967295'],
    ['pg_lsn', '1/0', '0/1'],
    ['time', '00:00:00.000001', '01:11:34.967296'],
    ['timetz', '00:00:00.000001+00', '01:11:34.967296+00'],
    ['timestamp', '2000-01-01 00:00:00.000001', '2000-01-01 01:11:34.967296'],
    ['timestamptz', '2000-01-01 00:00:00.000001+00', '2000-01-01 01:11:34.967296+00'],
    ['int8range', '[1,2)', '[4294967296,4294967297)'],
    ['bigint[]', '{1}', '{4294967296}'],
    ['int[]', '{1,2}', '[0:1]={1,2}'],
    ['int[]', '{NULL}', '[2:2]={NULL}'],
    ['text[]', '{a,b}', '{{a,b}}'],
    ['uuid[]', '{{NULL,NULL}}', '{{NULL},{NULL}}'],
    // Two rows whose hashes come to the same 32 bits when their halves are folded.
    ['int', '7751', '138616'],
  ];
  const tables = alike.map(
    ([type], i) => `create table alike_${i} (v ${type}); create table keyed_${i} (v ${type} primary key, w ${type})`,
  );
  const rows = (value: (row: (typeof alike)[number]) => string) =>
    alike.map((row, i) => `insert into alike_${i} values ('${value(row)}'); insert into keyed_${i} values ('${row[1]}', '${value(row)}')`);

  test('are found, in a bag and beside a key', async () => {
    await world.on('source', ...tables, ...rows(([, source]) => source));
    await world.on('destination', ...tables, ...rows(([, , destination]) => destination));
    const verdict = await world.compare({ parts: 'rows' });
    const found = verdict.tables
      .filter((table) => !table.equal)
      .map(({ table, missing, extra, changed }) => `${table} ${missing} ${extra} ${changed}`);
    expect(found.sort()).toEqual(alike.flatMap((_, i) => [`public.alike_${i} 1 1 0`, `public.keyed_${i} 0 0 1`]).sort());
  });

  test('are found, although a hash that is no hash of its place would cancel out: two columns of one row that changed places', async () => {
    const swaps: readonly (readonly [type: string, one: string, other: string])[] = [
      ['int[]', `'{}'`, `'{NULL}'`],
      ['text[]', `'{NULL,NULL}'`, `'{NULL}'`],
      ['two', 'null', 'row(null, null)'],
      ['deep', 'null', 'row(null)'],
      ['deep', 'row(null)', 'row(row(null, null))'],
      ['at', 'null', 'row(null)'],
    ];
    const types = ['create type two as (n int, t text)', 'create type deep as (f two)', 'create type at as (f timestamptz)'];
    const tables = swaps.map(([type], i) => `create table swap_${i} (id int primary key, v ${type}, w ${type})`);
    await world.on(
      'source',
      ...types,
      ...tables,
      ...swaps.map(([, one, other], i) => `insert into swap_${i} values (1, ${one}, ${other})`),
    );
    await world.on(
      'destination',
      ...types,
      ...tables,
      ...swaps.map(([, one, other], i) => `insert into swap_${i} values (1, ${other}, ${one})`),
    );
    const verdict = await world.compare({ parts: 'rows' });
    const found = verdict.tables
      .filter(({ table }) => table.includes('swap_'))
      .map(({ rows }) => rows[0]?.columns.map(({ column }) => column));
    expect(found).toEqual(swaps.map(() => ['v', 'w']));
  });

  test('no field that a type gets after it was looked at goes unseen: the old hash is an error', async () => {
    await world.on('source', 'create type growing as (n int)', 'create table grown (g growing)', 'insert into grown values (row(1))');
    const fields = [{ name: 'n', type: 'integer', typeId: 23 }];
    const columns = [{ name: 'g', type: 'public.growing', typeId: 99_999, fields }];
    const read = () => world.on('source', `select ${rowHash(sharedColumns(columns, columns), 'columns')} from grown t`);
    await expect(read()).resolves.toHaveLength(1);
    await world.on('source', 'alter type growing add attribute t text');
    await expect(read()).rejects.toThrow('cannot cast type record to growing');
  });
});
