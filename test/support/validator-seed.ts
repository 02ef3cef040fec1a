/** Roles are the server's, so they are made once for each server. */
const roles = `
do $$ begin
  if not exists (select from pg_roles where rolname = 'app') then create role app login; create role reader login; end if;
end $$`;

const schema = `
create schema audience_data;
create schema "Odd ""Schema";
create extension citext;
create type status as enum ('new', 'running', 'done');
create type test_contact as (contact_id bigint, email text, state status);
create domain positive as int check (value > 0);
create collation case_insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create table campaign (
  id bigserial primary key, customer_id int not null, name text not null default 'unnamed', payload jsonb, document json, amount numeric, score float8, ratio float4,
  blob bytea, tags text[], nums int[], status status, contact test_contact, contacts test_contact[], created_at timestamptz, period interval, code char(6), mail citext,
  level positive, alias text collate case_insensitive, token uuid, doubled int generated always as (customer_id * 2) stored, span int4range, flags bit(4), place point,
  constraint amount_positive check (amount > 0));
create index campaign_customer on campaign (customer_id) where customer_id > 3;
create unique index campaign_lower on campaign (lower(name));
create table contact (id uuid primary key, campaign_id bigint references campaign (id), email text, constraint contact_email unique (email) deferrable initially deferred);
create table audience_data.member (list int not null, id int not null, email text, primary key (list, id)) partition by list (list);
create table audience_data.member_1 partition of audience_data.member for values in (1);
create table audience_data.member_2 partition of audience_data.member for values in (2);
create table audience_data.member_rest partition of audience_data.member default;
create table event_log (at timestamptz, what text, n int);
create table "Odd ""Schema"."Odd.Table" ("Key Column" text primary key, "val""ue" text, "select" int);
create table nothing ();
create table parent (id int primary key, note text);
create table child (more text) inherits (parent);
create view running as select c.id, c.name, m.email from campaign c join audience_data.member m on m.id = c.customer_id where c.status = 'running';
create view names as select x.name from campaign x;
create materialized view totals as select customer_id, count(*) as n from campaign group by 1;
create function touch() returns trigger language plpgsql as $f$ begin new.name := coalesce(new.name, 'x'); return new; end $f$;
create function add(a int, b int) returns int language sql immutable return a + b;
create function names_of(p int) returns setof text language sql begin atomic select c.name from campaign c where c.customer_id = p; end;
create procedure tidy() language sql as 'delete from event_log where at is null';
create trigger touch before insert on campaign for each row execute function touch();
create trigger touch_always after update on campaign for each row when (old.name is distinct from new.name) execute function touch();
alter table campaign enable always trigger touch_always;
alter table contact enable row level security;
create policy own_contacts on contact for select to reader using (email like '%@example.com');
create sequence free_sequence increment 10 start 100;
create statistics campaign_stats on customer_id, status from campaign;
comment on table campaign is 'what is sent'; comment on column campaign.name is 'shown';
grant select on campaign, contact to reader; grant insert, update on campaign to app; grant usage on schema audience_data to reader; grant select (email) on audience_data.member to reader;
alter default privileges in schema public grant select on tables to reader;
alter default privileges for role app in schema audience_data grant select on tables to reader;
alter table contact owner to app;`;

const row = `
  customer_id, name, payload, document, amount, score, ratio, blob, tags, nums, status, contact, contacts, created_at, period, code, mail, level, alias, token, span, flags, place`;
const values = `
  i % 50, 'name ' || i || ' – naïve 数', jsonb_build_object('a', i, 'b', 1.50), format('{"x":  %s, "x": 1}', i)::json, (i * 1.10)::numeric(20, 4), sqrt(i), i / 3.0, decode(md5(i::text), 'hex'),
  array['a', null, 'b' || i], array[[i, 1], [2, 3]], (array['new', 'running', 'done'])[1 + i % 3]::status, row(i, 'c' || i || '@example.com', 'new')::test_contact,
  array[row(i, 'a', null)::test_contact, row(null, 'b, "q"', 'done')::test_contact], timestamptz '2024-03-31 00:00+00' + i * interval '37 minutes', interval '1 day' * i, 'c' || i % 7, 'Mail' || i || '@Example.com',
  i, 'Alias' || i, md5(i::text)::uuid, int4range(i, i + 3), (i % 16)::bit(4), point(i, i / 7.0)`;

/** `direction`: in which order rows are inserted, so that the heaps differ. */
const data = (rows: number, direction: 'asc' | 'desc') => `
insert into campaign (id, ${row}) select i, ${values} from generate_series(1, ${rows}) i order by i ${direction};
insert into contact select md5('c' || i)::uuid, i, 'e' || i || '@example.com' from generate_series(1, ${rows}) i order by i ${direction};
insert into audience_data.member select 1 + i % 4, i, 'm' || i from generate_series(1, ${rows}) i order by i ${direction};
insert into event_log select timestamptz '2024-01-01 00:00+00', 'twice', i / 2 from generate_series(1, 300) i order by i ${direction};
insert into "Odd ""Schema"."Odd.Table" select 'key ''' || i, 'v' || i, i from generate_series(1, 50) i order by i ${direction};
insert into parent select i, 'p' from generate_series(1, 20) i; insert into child select i + 100, 'c', 'more' from generate_series(1, 20) i;
select setval('campaign_id_seq', ${rows}); select setval('free_sequence', 500);
analyze`;

/** The same database twice, with other oids and other heaps on the destination. */
export function seed(rows = 2_000): { readonly source: readonly string[]; readonly destination: readonly string[] } {
  const otherOids = `create type t1 as enum ('x', 'y'); create type t2 as (a int); create table gone (a int, b int); drop table gone; drop type t1; drop type t2`;
  return { source: [roles, schema, data(rows, 'asc')], destination: [roles, otherOids, schema, data(rows, 'desc')] };
}
