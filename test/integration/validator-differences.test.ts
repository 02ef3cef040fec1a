import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObjectDifference, TableVerdict } from '../../src/validator/types.ts';
import { seed } from '../support/validator-seed.ts';
import { openWorld, type ValidatorWorld } from '../support/validator-world.ts';

let world: ValidatorWorld;
beforeAll(async () => {
  world = await openWorld();
  await world.rebuild(seed(500));
});
afterAll(() => world?.close());

/** Makes a difference, compares, mends it. */
async function injected(make: readonly string[], mend: readonly string[], side: 'source' | 'destination' = 'destination') {
  await world.on(side, ...make);
  try {
    return await world.compare();
  } finally {
    await world.on(side, ...mend);
  }
}

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

describe('one object that differs is found, and nothing else', () => {
  const object = (
    name: string,
    make: readonly string[],
    mend: readonly string[],
    expected: readonly (Partial<ObjectDifference> & { readonly kind: string; readonly object: string })[],
  ) =>
    test(name, async () => {
      const verdict = await injected(make, mend);
      expect(verdict.objects).toMatchObject(expected);
      expect(verdict.objects).toHaveLength(expected.length);
      expect(verdict.tables.filter((table) => !table.equal)).toEqual([]);
      expect(verdict.equal).toBe(false);
    });

  object(
    'a column default',
    [`alter table campaign alter name set default 'other'`],
    [`alter table campaign alter name set default 'unnamed'`],
    [
      {
        kind: 'column',
        object: 'public.campaign.name',
        source: "text not null default 'unnamed'::text",
        destination: "text not null default 'other'::text",
      },
    ],
  );
  object(
    'nullability',
    ['alter table contact alter campaign_id set not null'],
    ['alter table contact alter campaign_id drop not null'],
    [{ kind: 'column', object: 'public.contact.campaign_id' }],
  );
  object(
    'an invalid index',
    [`update pg_index set indisvalid = false where indexrelid = 'campaign_lower'::regclass`],
    [`update pg_index set indisvalid = true where indexrelid = 'campaign_lower'::regclass`],
    [{ kind: 'index', object: 'public.campaign_lower' }],
  );
  object(
    'a missing index',
    ['drop index campaign_customer'],
    ['create index campaign_customer on campaign (customer_id) where customer_id > 3'],
    [{ kind: 'index', object: 'public.campaign_customer', destination: null }],
  );
  object(
    'a missing constraint',
    ['alter table contact drop constraint contact_email'],
    ['alter table contact add constraint contact_email unique (email) deferrable initially deferred'],
    [
      {
        kind: 'constraint',
        object: 'public.contact.contact_email',
        source: 'UNIQUE (email) DEFERRABLE INITIALLY DEFERRED',
        destination: null,
      },
    ],
  );
  object(
    'a constraint that is not deferrable',
    ['alter table contact drop constraint contact_email', 'alter table contact add constraint contact_email unique (email)'],
    [
      'alter table contact drop constraint contact_email',
      'alter table contact add constraint contact_email unique (email) deferrable initially deferred',
    ],
    [{ kind: 'constraint', object: 'public.contact.contact_email', destination: 'UNIQUE (email)' }],
  );
  object(
    'a constraint that is not validated',
    [
      'alter table campaign drop constraint amount_positive',
      'alter table campaign add constraint amount_positive check (amount > 0) not valid',
    ],
    ['alter table campaign validate constraint amount_positive'],
    [{ kind: 'constraint', object: 'public.campaign.amount_positive' }],
  );
  object(
    'a disabled trigger',
    ['alter table campaign disable trigger touch'],
    ['alter table campaign enable trigger touch'],
    [{ kind: 'trigger', object: 'public.campaign.touch' }],
  );
  object(
    'a view that reads another column',
    ['create or replace view names as select x.mail::text as name from campaign x'],
    ['create or replace view names as select x.name from campaign x'],
    [{ kind: 'view-definition', object: 'public.names' }],
  );
  object(
    'a function with another body',
    ['create or replace function add(a int, b int) returns int language sql immutable return a - b'],
    ['create or replace function add(a int, b int) returns int language sql immutable return a + b'],
    [{ kind: 'function', object: 'public.add(a integer, b integer)' }],
  );
  object(
    'an enum label',
    [`alter type status add value 'held' after 'new'`],
    [`delete from pg_enum where enumlabel = 'held'`],
    [
      {
        kind: 'type',
        object: 'public.status',
        source: "enum ('new', 'running', 'done')",
        destination: "enum ('new', 'held', 'running', 'done')",
      },
    ],
  );
  object(
    'a sequence behind',
    [`select setval('campaign_id_seq', 3)`],
    [`select setval('campaign_id_seq', 500)`],
    [{ kind: 'sequence-value', object: 'public.campaign_id_seq', source: 'next 501', destination: 'next 4' }],
  );
  object(
    'a sequence of another step',
    ['alter sequence free_sequence increment 5'],
    ['alter sequence free_sequence increment 10'],
    [
      { kind: 'sequence', object: 'public.free_sequence' },
      { kind: 'sequence-value', object: 'public.free_sequence' },
    ],
  );
  object(
    'an owner',
    ['alter table campaign owner to app'],
    [
      'alter table campaign owner to cloudsqladmin',
      'alter sequence campaign_id_seq owner to cloudsqladmin',
      'grant insert, update on campaign to app',
    ],
    [
      { kind: 'grant', object: 'table public.campaign to app', source: 'INSERT, UPDATE', destination: null },
      { kind: 'owner', object: 'sequence public.campaign_id_seq', source: 'cloudsqladmin', destination: 'app' },
      { kind: 'owner', object: 'table public.campaign', source: 'cloudsqladmin', destination: 'app' },
    ],
  );
  object(
    'a missing grant',
    ['revoke select on campaign from reader'],
    ['grant select on campaign to reader'],
    [{ kind: 'grant', object: 'table public.campaign to reader', source: 'SELECT', destination: null }],
  );
  object(
    'a grant on a column',
    ['revoke select (email) on audience_data.member from reader'],
    ['grant select (email) on audience_data.member to reader'],
    [{ kind: 'grant', object: 'column audience_data.member.email to reader', destination: null }],
  );
  object(
    'a default privilege',
    ['alter default privileges for role app in schema audience_data revoke select on tables from reader'],
    ['alter default privileges for role app in schema audience_data grant select on tables to reader'],
    [{ kind: 'default-privilege', object: 'app in audience_data on tables to reader', destination: null }],
  );
  object(
    'row security',
    ['alter table contact disable row level security'],
    ['alter table contact enable row level security'],
    [{ kind: 'row-security', object: 'public.contact', destination: null }],
  );
  object(
    'a policy',
    [`alter policy own_contacts on contact using (true)`],
    [`alter policy own_contacts on contact using (email like '%@example.com')`],
    [{ kind: 'policy', object: 'public.contact.own_contacts' }],
  );
  object(
    'a comment',
    [`comment on table campaign is null`],
    [`comment on table campaign is 'what is sent'`],
    [{ kind: 'comment', object: 'table public.campaign', source: 'what is sent', destination: null }],
  );
  object(
    'an extension',
    ['create extension hstore'],
    ['drop extension hstore'],
    [
      { kind: 'extension', object: 'hstore', source: null },
      { kind: 'extension-version', object: 'hstore', source: null },
    ],
  );
  object(
    'a table that one side lacks, once and without what belongs to it',
    ['create table late (id serial primary key, note text unique)', 'grant select on late to reader'],
    ['drop table late'],
    [
      { kind: 'sequence', object: 'public.late_id_seq', source: null },
      { kind: 'table', object: 'public.late', source: null },
    ],
  );
  object(
    'a partition',
    ['create table audience_data.member_3 partition of audience_data.member for values in (30)'],
    ['drop table audience_data.member_3'],
    [{ kind: 'table', object: 'audience_data.member_3', source: null }],
  );
  object(
    'a materialized view',
    ['drop materialized view totals'],
    [
      'create materialized view totals as select customer_id, count(*) as n from campaign group by 1',
      'revoke select on totals from reader',
    ],
    [{ kind: 'materialized-view', object: 'public.totals', destination: null }],
  );
  object(
    'extended statistics',
    ['drop statistics campaign_stats'],
    ['create statistics campaign_stats on customer_id, status from campaign'],
    [{ kind: 'statistics', object: 'public.campaign_stats', destination: null }],
  );
  object(
    'a setting of a role in the database',
    ['alter role app in database inapp set search_path = public'],
    ['alter role app in database inapp reset search_path'],
    [{ kind: 'setting', object: 'role app', source: null }],
  );
});

test('what the run intends is waved through with its reason, and only that', async () => {
  await world.on('destination', 'alter table campaign owner to app', 'drop index campaign_customer');
  const verdict = await world.compare({
    expected: [
      { kind: 'owner', reason: 'Ownership is handed over later.' },
      { kind: 'grant', object: 'table public.campaign to app', reason: 'The roles are granted later.' },
    ],
  });
  await world.rebuild(seed(500));
  expect(verdict.objects.map((difference) => difference.object)).toEqual(['public.campaign_customer']);
  expect(verdict.expected.map((difference) => [difference.object, difference.reason])).toEqual(
    expect.arrayContaining([
      ['table public.campaign', 'Ownership is handed over later.'],
      ['table public.campaign to app', 'The roles are granted later.'],
    ]),
  );
});
