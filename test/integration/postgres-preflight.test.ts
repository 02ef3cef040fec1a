import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Expected } from '../../src/postgres/preflight/finding.ts';
import { preflightFindings, preflightStandalone } from '../../src/postgres/preflight.ts';
import { application, openPair, type Pair, passwords } from '../support/cutover-pair.ts';

let pair: Pair;
const expected: Expected = {
  to: 17,
  from: 15,
  databases: { inapp: { schemas: ['public', 'audience_data'], owner: application } },
  users: [application, 'me-device-event@example.iam', 'bigquery'],
  primaryKeys: { 'public.knex_migrations_lock': {} },
  customTypes: [],
};

beforeAll(async () => {
  pair = await openPair({ destination: false });
}, 180_000);
afterAll(async () => {
  await pair?.close();
});

async function findings(want: Expected = expected) {
  const bot = pair.bot('preflight');
  try {
    return await preflightFindings({ databases: () => bot.databases('source'), database: (name) => bot.database('source', name) }, want);
  } finally {
    await bot.close();
  }
}
async function codes(want: Expected = expected) {
  return (await findings(want)).map(({ severity, code, object }) => `${severity} ${code} ${object}`);
}

describe('a database that fits', () => {
  it('has nothing that blocks', async () => {
    const blocking = (await findings()).filter((finding) => finding.severity === 'blocks');
    expect(blocking).toEqual([]);
  });
  it('still says what a step will handle: the owner’s membership, the sequences, the settings', async () => {
    const all = await findings();
    expect(all).toContainEqual(expect.objectContaining({ code: 'rights.owner', object: application, handledBy: 'grant-migration-user' }));
    expect(all).toContainEqual(expect.objectContaining({ code: 'sequence.not-replicated', handledBy: 'synchronize-sequences' }));
    expect(all).toContainEqual(
      expect.objectContaining({ code: 'replication.setting', object: 'max_replication_slots', handledBy: 'enable-replication-flags' }),
    );
  });
  it('gives every finding a sentence and a remedy', async () => {
    for (const { message, remedy } of await findings()) {
      expect(message).toMatch(/\.$/);
      expect(remedy).toMatch(/\.$/);
    }
  });
});

/** What is made, in `inapp` unless said otherwise, what must be found, and how it is taken away again. */
const cases: readonly {
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

describe('what would fail later is found', () => {
  it.each(cases)('$name', async ({ make, unmake, found, database = 'inapp', want }) => {
    if (make !== 'select 1') expect(await codes()).not.toContain(found);
    await run(database, make);
    try {
      expect(await codes(want)).toContain(found);
    } finally {
      await run(database, unmake);
    }
  });

  it('a prepared transaction', async () => {
    const session = await pair.as('source', 'inapp', application);
    await session.query(`begin; create table two_phases (a int primary key); prepare transaction 'left'`);
    expect(await codes()).toContain('blocks transaction.prepared left');
    await session.query(`rollback prepared 'left'`);
    await session.end();
    expect(await codes()).not.toContain('blocks transaction.prepared left');
  });
});

/** One statement after another: CREATE DATABASE and slots refuse to share a transaction. */
async function run(database: string, text: string): Promise<void> {
  for (const statement of text.split(/;\s+(?=(?:create|alter|drop|select|grant|update) )/)) await pair.admin('source', database, statement);
}

describe('with nothing but a DSN', () => {
  const dsn = (user = 'postgres', password: string = passwords.postgres) =>
    `postgresql://${encodeURIComponent(user)}:${encodeURIComponent(password)}@${pair.source.host}:${pair.source.port}/inapp?sslmode=require`;

  it('the same is found, and nothing is changed', async () => {
    await pair.admin('source', 'inapp', 'create table bare (a int)');
    const before = await pair.admin('source', 'inapp', 'select pg_current_xact_id()::text::bigint as xid');
    const all = await preflightStandalone({ dsn: dsn(), to: 17 });
    const after = await pair.admin('source', 'inapp', 'select pg_current_xact_id()::text::bigint as xid');
    await pair.admin('source', 'inapp', 'drop table bare');
    expect(all).toContainEqual(
      expect.objectContaining({ severity: 'blocks', code: 'table.no-primary-key', object: 'public.bare', database: 'inapp' }),
    );
    // The heartbeat of the instance writes every second; a look of a second would show as dozens.
    expect(Number(after[0]?.['xid']) - Number(before[0]?.['xid'])).toBeLessThan(30);
  });
  it('a wrong password is a sentence', async () => {
    await expect(preflightStandalone({ dsn: dsn('postgres', 'wrong'), to: 17 })).rejects.toMatchObject({
      code: 'postgres.password-refused',
    });
  });
  it('what is no URL is refused', async () => {
    await expect(preflightStandalone({ dsn: 'host=x dbname=y', to: 17 })).rejects.toMatchObject({ code: 'postgres.dsn' });
  });
});

/** Last, because they stay: DROP DATABASE would wait for every process of the server. */
describe('a database that does not fit', () => {
  it.each([
    {
      name: 'a database that the service file does not name',
      make: 'create database reports',
      found: 'blocks database.unnamed reports',
    },
    {
      name: 'a database in SQL_ASCII',
      make: `create database ascii template template0 encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C'`,
      found: 'blocks database.encoding-unsafe ascii',
    },
    {
      name: 'a database in another encoding',
      make: `create database latin template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'`,
      found: 'note database.encoding latin',
    },
  ])('$name', async ({ make, found }) => {
    expect(await codes()).not.toContain(found);
    await run('postgres', make);
    expect(await codes()).toContain(found);
  });
});
