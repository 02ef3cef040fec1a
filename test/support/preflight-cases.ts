import type { Expected } from '../../src/postgres/preflight/finding.ts';
import { application } from './cutover-pair.ts';

/** What the service file of these tests says. */
export const expected: Expected = {
  to: 17,
  from: 15,
  databases: { inapp: { schemas: ['public', 'audience_data'], owner: application } },
  users: [application, 'me-device-event@example.iam', 'bigquery'],
  primaryKeys: { 'public.knex_migrations_lock': {} },
  customTypes: [],
};

/** What is made, in `inapp` unless said otherwise, what must be found, and how it is taken away again. */
export const cases: readonly {
  readonly name: string;
  readonly make: string;
  readonly found: string;
  readonly unmake: string;
  readonly database?: string;
  readonly want?: Expected;
}[] = [
  {
    name: 'a table without a primary key',
    make: 'create table bare (a int)',
    found: 'blocks table.no-primary-key public.bare',
    unmake: 'drop table bare',
  },
  {
    name: 'a table whose primary key the service file adds',
    make: 'create table knex_migrations_lock (is_locked int)',
    found: 'handled table.no-primary-key public.knex_migrations_lock',
    unmake: 'drop table knex_migrations_lock',
  },
  {
    name: 'a deferrable unique constraint',
    make: 'alter table campaign add constraint campaign_priority unique (customer_id, name) deferrable initially deferred',
    found: 'handled constraint.deferrable public.campaign campaign_priority',
    unmake: 'alter table campaign drop constraint campaign_priority',
  },
  {
    name: 'a deferrable primary key',
    make: 'create table late (a int primary key deferrable)',
    found: 'blocks constraint.deferrable-primary-key public.late',
    unmake: 'drop table late',
  },
  {
    name: 'replica identity FULL',
    make: 'alter table campaign replica identity full',
    found: 'blocks table.replica-identity public.campaign',
    unmake: 'alter table campaign replica identity default',
  },
  {
    name: 'replica identity NOTHING',
    make: 'alter table campaign replica identity nothing',
    found: 'blocks table.replica-identity public.campaign',
    unmake: 'alter table campaign replica identity default',
  },
  {
    name: 'a generated column',
    make: 'alter table campaign add column twice int generated always as (customer_id * 2) stored',
    found: 'blocks column.generated public.campaign.twice',
    unmake: 'alter table campaign drop column twice',
  },
  {
    name: 'an unlogged table',
    make: 'create unlogged table fleeting (a int primary key)',
    found: 'blocks table.unlogged public.fleeting',
    unmake: 'drop table fleeting',
  },
  {
    name: 'row-level security',
    make: 'alter table campaign enable row level security',
    found: 'blocks table.row-security public.campaign',
    unmake: 'alter table campaign disable row level security',
  },
  {
    name: 'large objects',
    make: 'select lo_create(4711)',
    found: 'blocks large-objects 1 large objects',
    unmake: 'select lo_unlink(4711)',
  },
  {
    name: 'a materialized view',
    make: 'create materialized view totals as select count(*) from campaign',
    found: 'handled view.materialized public.totals',
    unmake: 'drop materialized view totals',
  },
  {
    name: 'a trigger that fires on apply',
    make: `create function touch() returns trigger language plpgsql as 'begin return new; end';
      create trigger touch before update on campaign for each row execute function touch(); alter table campaign enable always trigger touch`,
    found: 'blocks trigger.fires-on-apply public.campaign touch',
    unmake: 'drop function touch cascade',
  },
  {
    name: 'an event trigger that fires on apply',
    make: `create function seen() returns event_trigger language plpgsql as 'begin end'; create event trigger seen on ddl_command_end execute function seen(); alter event trigger seen enable replica`,
    found: 'blocks event-trigger.fires-on-apply seen',
    unmake: 'drop function seen cascade',
  },
  {
    name: 'an event trigger',
    make: `create function seen() returns event_trigger language plpgsql as 'begin end'; create event trigger seen on ddl_command_end execute function seen()`,
    found: 'note event-trigger.exists seen',
    unmake: 'drop function seen cascade',
  },
  {
    name: 'a foreign table',
    make: `create extension postgres_fdw; create server other foreign data wrapper postgres_fdw; create foreign table far (a int) server other`,
    found: 'blocks table.foreign public.far',
    unmake: 'drop extension postgres_fdw cascade',
  },
  { name: 'an extension', make: 'create extension pg_trgm', found: 'note extension.migrated pg_trgm', unmake: 'drop extension pg_trgm' },
  {
    name: 'ALTER ROLE … IN DATABASE … SET of a role that will not exist',
    make: 'create role stranger; alter role stranger in database inapp set work_mem = 4096',
    found: 'blocks role.setting-in-database stranger',
    unmake: 'alter role stranger in database inapp reset all; drop role stranger',
  },
  {
    name: 'ALTER ROLE … IN DATABASE … SET of a user of the service file',
    make: 'alter role bigquery in database inapp set work_mem = 4096',
    found: 'handled role.setting-in-database bigquery',
    unmake: 'alter role bigquery in database inapp reset all',
  },
  {
    name: 'a login role outside the service file',
    make: 'create role intern login',
    found: 'note role.unnamed intern',
    unmake: 'drop role intern',
  },
  {
    name: 'a superuser whom no write stop holds',
    make: 'create role boss login superuser',
    found: 'blocks rights.cannot-fence boss',
    unmake: 'drop role boss',
  },
  {
    name: 'a database owned by a role that the bot cannot join',
    make: 'create role king superuser nologin; alter database inapp owner to king',
    found: 'blocks rights.cannot-fence king',
    unmake: `alter database inapp owner to "${application}"; drop role king`,
  },
  {
    name: 'a table owned by a role that the bot cannot join',
    make: 'create role king superuser nologin; create table royal (a int primary key); alter table royal owner to king',
    found: 'blocks rights.owner king',
    unmake: 'drop table royal; drop role king',
  },
  {
    name: 'a missing pg_signal_backend',
    make: 'revoke pg_signal_backend from postgres',
    found: 'blocks rights.signal postgres',
    unmake: 'grant pg_signal_backend to postgres',
  },
  {
    name: 'a missing CREATEROLE',
    make: 'alter role postgres nocreaterole',
    found: 'blocks rights.createrole postgres',
    unmake: 'alter role postgres createrole',
  },
  {
    name: 'a schema with tables that the service file does not name',
    make: 'create schema stray; create table stray.t (a int primary key)',
    found: 'blocks schema.unnamed stray',
    unmake: 'drop schema stray cascade',
  },
  {
    name: 'an invalid index',
    make: `create unique index broken on campaign (id); update pg_index set indisvalid = false where indexrelid = 'broken'::regclass`,
    found: 'note index.invalid public.broken',
    unmake: 'drop index broken',
  },
  { name: 'a publication', make: 'create publication feed', found: 'note publication.exists feed', unmake: 'drop publication feed' },
  {
    name: 'a subscription, which no write stop holds',
    make: `create subscription inflow connection 'host=127.0.0.1' publication p with (connect = false)`,
    found: 'blocks subscription.exists inflow',
    unmake: 'alter subscription inflow set (slot_name = none); drop subscription inflow',
  },
  {
    name: 'a slot of another pglogical replication',
    make: `select pg_create_logical_replication_slot('theirs', 'pglogical_output')`,
    found: 'blocks slot.foreign-pglogical theirs',
    unmake: `select pg_drop_replication_slot('theirs')`,
  },
  {
    name: 'a slot of somebody else',
    make: `select pg_create_logical_replication_slot('cdc', 'pgoutput')`,
    found: 'note slot.foreign cdc',
    unmake: `select pg_drop_replication_slot('cdc')`,
  },
  {
    name: 'a pglogical node that is left',
    make: `create extension pglogical; select pglogical.create_node('left_over', 'host=127.0.0.1'); grant usage on schema pglogical to postgres; grant select on all tables in schema pglogical to postgres`,
    found: 'blocks pglogical.node-exists left_over',
    unmake: 'drop extension pglogical cascade',
  },
  { name: 'unlimited retained WAL', make: 'select 1', found: 'note wal.no-limit max_slot_wal_keep_size', unmake: 'select 1' },
  {
    name: 'a database of the service file that is missing',
    make: 'select 1',
    unmake: 'select 1',
    want: { ...expected, databases: { nowhere: { schemas: ['public'], owner: application } } },
    found: 'blocks database.missing nowhere',
  },
  {
    name: 'an owner of the service file that is missing',
    make: 'select 1',
    unmake: 'select 1',
    want: { ...expected, databases: { inapp: { schemas: ['public', 'audience_data'], owner: 'nobody' } } },
    found: 'blocks owner.missing nobody',
  },
  {
    name: 'a schema of the service file that is missing',
    make: 'select 1',
    unmake: 'select 1',
    want: { ...expected, databases: { inapp: { schemas: ['public', 'audience_data', 'gone'], owner: application } } },
    found: 'blocks schema.missing gone',
  },
  {
    name: 'a type of the service file that is missing',
    make: 'select 1',
    unmake: 'select 1',
    want: { ...expected, customTypes: ['program_run'] },
    found: 'blocks type.missing program_run',
  },
  {
    name: 'a version that is not above',
    make: 'select 1',
    unmake: 'select 1',
    want: { ...expected, to: 15 },
    found: 'blocks version.not-above version 15',
  },
  {
    name: 'a version other than the service file says',
    make: 'select 1',
    unmake: 'select 1',
    want: { ...expected, from: 14 },
    found: 'blocks version.unexpected version 15',
  },
];
