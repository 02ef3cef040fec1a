import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObjectDifference } from '../../src/validator/types.ts';
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
    'enum labels in another order',
    [`update pg_enum set enumsortorder = 10 where enumtypid = 'status'::regtype and enumlabel = 'new'`],
    [`update pg_enum set enumsortorder = 1 where enumtypid = 'status'::regtype and enumlabel = 'new'`],
    [
      {
        kind: 'type',
        object: 'public.status',
        source: "enum ('new', 'running', 'done')",
        destination: "enum ('running', 'done', 'new')",
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
