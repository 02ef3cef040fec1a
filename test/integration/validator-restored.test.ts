import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../sandbox/servers/command.ts';
import { seed } from '../support/validator-seed.ts';
import { type ClusterWorld, injectedInto, openWorld } from '../support/validator-world.ts';

/** What a dump does not print as it was read, what 15 and 17 print differently, and what both have to agree on. */
const more = `
create schema other;
create schema audience;
create table audience.audience (id int primary key, kind varchar(10), n int,
  constraint kinds check (kind in ('a', 'b')), constraint spread check (n between 1 and 10 and n <> 7 and id > 0),
  constraint either check ((n = 1 or n = 2) or n > 2));
create index some_kinds on audience.audience (n) where kind in ('a', 'b') and n between 1 and 5;
create table other.audience (id int primary key, kind varchar(10), n int);
create function other.touch() returns trigger language plpgsql as 'begin return new; end';
create function stamp(x int) returns text language sql return case when x between 1 and 3 and x <> 2 then 'few' else to_json(x)::text end;
create view audience.summary as select audience.kind, count(*) as n, '{"json": 1}'::json as j from audience.audience where audience.kind in ('a', 'b') group by audience.kind;
create view both_of as select a.id, o.kind, (select max(x.n) from other.audience x where x.id = a.id) as top from audience.audience a join other.audience o using (id) where a.n between 1 and 9 and o.n > 0;
create rule no_delete as on delete to other.audience do instead update other.audience set n = 0 where audience.id = old.id;
create trigger stamp before update on audience.audience for each row when (old.n is distinct from new.n and new.kind in ('a', 'b')) execute function other.touch();
create policy few on other.audience for select using (kind in ('a', 'b') and exists (select from audience.audience x where x.id = audience.id));
create table part (id int, at date, primary key (id, at)) partition by range (at);
create table part_1 partition of part for values from ('2024-01-01') to ('2025-01-01');
create trigger stamp after insert on part for each row execute function other.touch();
create table referring (id int primary key, other_id int references other.audience (id) on delete cascade deferrable, tags text[] default '{}'::text[], j json default '{"json": "a.b"}', at timestamptz default (now() at time zone 'utc'));
create domain short as varchar(10) check (value in ('a', 'b'));
create type float_range as range (subtype = float8, subtype_diff = float8mi);
create operator === (leftarg = text, rightarg = text, function = texteq);
create text search configuration plain (copy = simple);
create publication shared_tables for table other.audience, audience.audience;
revoke execute on function stamp(int) from public;
revoke update on referring from current_user;
alter default privileges for role reader revoke execute on functions from public;
grant usage on schema other to reader; grant connect on database inapp to reader;
create materialized view later as select id from other.audience with no data;
alter table referring alter tags set storage external, alter tags set statistics 500;
comment on schema public is 'ours';
insert into audience.audience values (1, 'a', 1); insert into other.audience values (1, 'a', 1); analyze`;

let world: ClusterWorld;
beforeAll(async () => {
  world = await openWorld();
  const { source } = seed(200);
  await world.rebuild({ source: [...source, more], destination: [source[0] ?? ''] });
  const program = (name: string) => world.program(17, name);
  const login = ({ host, port, user, password }: ClusterWorld['admin']['source']) =>
    `host=${host} port=${port} user=${user} password=${password} dbname=inapp`;
  // As Database Migration Service does: the newer version's pg_dump writes what the destination gets.
  const script = await run({ program: program('pg_dump'), args: ['-d', login(world.admin.source)] });
  await run({ program: program('psql'), args: ['-q', '-v', 'ON_ERROR_STOP=1', '-d', login(world.admin.destination)], input: script });
  await world.on('destination', 'grant connect on database inapp to reader', 'analyze');
});
afterAll(() => world?.close());

test('a 15 and what 17 restored from its dump are equal, object by object', async () => {
  const verdict = await world.compare();
  expect(verdict.objects).toEqual([]);
  expect(verdict.tables.filter((table) => !table.equal)).toEqual([]);
  expect(
    verdict.expected.map(({ kind }) => kind).filter((kind) => !['analyze', 'collation-library', 'extension-version'].includes(kind)),
  ).toEqual([]);
  expect(verdict.equal).toBe(true);
});

describe('one real change behind the noise of two versions is found', () => {
  const change = (name: string, make: readonly string[], mend: readonly string[], ...objects: readonly string[]) =>
    test(name, async () => {
      const verdict = await injectedInto(world, make, mend);
      expect(verdict.objects.map(({ kind, object }) => `${kind} ${object}`)).toEqual(objects);
    });
  const view = (schema: string) =>
    `create or replace view both_of as select a.id, o.kind, (select max(x.n) from ${schema}.audience x where x.id = a.id) as top from audience.audience a join other.audience o using (id) where a.n between 1 and 9 and o.n > 0`;
  change(
    'a view that reads another schema’s table of the same name',
    [view('audience')],
    [view('other')],
    'view-definition public.both_of',
  );
  const trigger = (schema: string, event = 'update') =>
    `create or replace trigger stamp before ${event} on audience.audience for each row when (old.n is distinct from new.n and new.kind in ('a', 'b')) execute function ${schema}.touch()`;
  change(
    'a trigger that calls another schema’s function of the same name',
    [trigger('public')],
    [trigger('other')],
    'trigger audience.audience.stamp',
  );
  change(
    'a trigger that is off in one partition',
    ['alter table part_1 disable trigger stamp'],
    ['alter table part_1 enable trigger stamp'],
    'trigger public.part_1.stamp',
  );
  const kinds = (list: string) => [
    'alter table audience.audience drop constraint kinds',
    `alter table audience.audience add constraint kinds check (kind in (${list}))`,
  ];
  change('another list in a check', kinds(`'a', 'b', 'c'`), kinds(`'a', 'b'`), 'constraint audience.audience.kinds');
  const either = (condition: string) => [
    'alter table audience.audience drop constraint either',
    `alter table audience.audience add constraint either check (${condition})`,
  ];
  change(
    'other parentheses in a check',
    either('n = 1 or (n = 2 and n > 1)'),
    either('(n = 1 or n = 2) or n > 2'),
    'constraint audience.audience.either',
  );
  const policy = (condition: string) => `alter policy few on other.audience using (${condition})`;
  change(
    'a policy',
    [policy(`kind in ('a', 'b')`)],
    [policy(`kind in ('a', 'b') and exists (select from audience.audience x where x.id = audience.id)`)],
    'policy other.audience.few',
  );
  const stamp = (bound: number) =>
    `create or replace function stamp(x int) returns text language sql return case when x between 1 and ${bound} and x <> 2 then 'few' else to_json(x)::text end`;
  change('a function’s body', [stamp(4)], [stamp(3)], 'function public.stamp(x integer)');
  change(
    'a string in a default',
    [`alter table referring alter j set default '{json: "a.b"}'::text::json`],
    [`alter table referring alter j set default '{"json": "a.b"}'`],
    'column public.referring.j',
  );
  change(
    'a key’s action',
    [
      'alter table referring drop constraint referring_other_id_fkey',
      'alter table referring add foreign key (other_id) references other.audience (id) deferrable',
    ],
    [
      'alter table referring drop constraint referring_other_id_fkey',
      'alter table referring add foreign key (other_id) references other.audience (id) on delete cascade deferrable',
    ],
    'constraint public.referring.referring_other_id_fkey',
  );
  change(
    'a foreign key whose triggers are off',
    ['alter table referring disable trigger all'],
    ['alter table referring enable trigger all'],
    'constraint public.referring.referring_other_id_fkey',
  );
  change(
    'a rule',
    [
      'create or replace rule no_delete as on delete to other.audience do instead update other.audience set n = 1 where audience.id = old.id',
    ],
    [
      'create or replace rule no_delete as on delete to other.audience do instead update other.audience set n = 0 where audience.id = old.id',
    ],
    'rule other.audience.no_delete',
  );
  change(
    'a domain’s check',
    ['alter domain short drop constraint short_check', `alter domain short add check (value in ('a'))`],
    ['alter domain short drop constraint short_check', `alter domain short add check (value in ('a', 'b'))`],
    'type public.short',
  );
  change(
    'a function that everybody may execute',
    ['grant execute on function stamp(int) to public'],
    ['revoke execute on function stamp(int) from public'],
    'grant function public.stamp(x integer) to PUBLIC',
  );
  change(
    'a right that the owner took from itself',
    ['grant update on referring to current_user'],
    ['revoke update on referring from current_user'],
    'grant table public.referring to its owner',
  );
  change(
    'what everybody may by default',
    ['alter default privileges for role reader grant execute on functions to public'],
    ['alter default privileges for role reader revoke execute on functions from public'],
    'default-privilege reader on functions to PUBLIC',
  );
  change(
    'a right on the database',
    ['grant temporary on database inapp to reader'],
    ['revoke temporary on database inapp from reader'],
    'grant database to reader',
  );
  change(
    'a publication’s tables',
    ['alter publication shared_tables drop table other.audience'],
    ['alter publication shared_tables add table other.audience'],
    'publication shared_tables',
  );
  change(
    'a text search configuration',
    ['alter text search configuration plain drop mapping for email'],
    ['alter text search configuration plain add mapping for email with simple'],
    'text search configuration public.plain',
  );
  change(
    'how a column is stored',
    ['alter table referring alter tags set storage extended'],
    ['alter table referring alter tags set storage external'],
    'column public.referring.tags',
  );
  change(
    'a comment on the schema public',
    [`comment on schema public is 'theirs'`],
    [`comment on schema public is 'ours'`],
    'comment schema public',
  );
  change(
    'an autovacuum setting of a table',
    ['alter table referring set (autovacuum_enabled = off)'],
    ['alter table referring reset (autovacuum_enabled)'],
    'table public.referring',
  );
});

test('a collation whose library changed under its indexes is found on the destination; statistics that are missing are told', async () => {
  const spoil = `update pg_collation set collversion = '1.2.3' where collname = 'case_insensitive'`;
  await world.on('destination', 'create table fresh (id int)', 'insert into fresh values (1)');
  await world.on('source', 'create table fresh (id int)', 'insert into fresh values (1)', 'analyze fresh');
  const verdict = await injectedInto(world, [spoil], ['alter collation case_insensitive refresh version']);
  expect(verdict.objects).toMatchObject([{ kind: 'collation-version', object: 'public.case_insensitive', source: null }]);
  expect(verdict.expected).toEqual(expect.arrayContaining([expect.objectContaining({ kind: 'analyze', object: 'public.fresh' })]));
});
