import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Clients } from '../../src/clients.ts';
import { loadServices } from '../../src/config/load.ts';
import type { Target } from '../../src/config/schema.ts';
import { targetOf } from '../../src/config/target.ts';
import type { Observation, Step } from '../../src/engine/step.ts';
import type { PostgresConnections } from '../../src/postgres/connect.ts';
import { migrateOwnership } from '../../src/postgres/ownership-migrator.ts';
import { migrateRoles } from '../../src/postgres/roles-migrator.ts';
import { refreshMaterializedViews } from '../../src/steps/clean-up/refresh-materialized-views.ts';
import { removeExternalSyncUser } from '../../src/steps/clean-up/remove-external-sync-user.ts';
import { restoreConstraints } from '../../src/steps/clean-up/restore-constraints.ts';
import { analyzeDestination } from '../../src/steps/prepare-the-destination/analyze-destination.ts';
import { grantDestinationRoles } from '../../src/steps/prepare-the-destination/grant-destination-roles.ts';
import { handOverOwnership } from '../../src/steps/switch-to-the-new-instance/hand-over-ownership.ts';
import { application, openPair, type Pair, passwords } from '../support/cutover-pair.ts';
import { type RecordingRun, recordingRun } from '../support/step-run.ts';

/** A destination as the migration leaves it, everything owned by `cloudsqlexternalsync`; the tests build on one another. */
let pair: Pair;
let target: Target;
let postgres: PostgresConnections;
const ledger: RecordingRun['ledger'] = new Map();
type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql'>;
let clients: Needs;
const deviceEvent = 'me-device-event@example.iam';
const definition = 'UNIQUE (customer_id, name) DEFERRABLE INITIALLY DEFERRED';

beforeAll(async () => {
  pair = await openPair();
  await asTheMigrationLeavesIt();
  const service = (await loadServices('services')).get('inapp');
  if (!service) throw new Error('no service inapp');
  const staging = targetOf(service, 'staging');
  target = {
    ...staging,
    databases: { inapp: { schemas: ['public', 'audience_data'], owner: application } },
    databaseUsers: [
      { username: application, type: 'iam', roleType: 'write', password: 'reuse' },
      { username: deviceEvent, type: 'iam', roleType: 'read', password: 'reuse' },
      { username: 'bigquery', type: 'built-in', roleType: 'read', password: 'reuse' },
    ],
  };
  postgres = pair.bot();
  // The API's deletion of a user is DROP ROLE by the server's superuser, and refuses like it.
  const cloudSql = {
    instance: async () => ({ name: target.destination }),
    deleteUser: async (_instance: string, name: string) => {
      await admin('postgres', `drop role "${name}"`);
      return 'operation';
    },
    wait: async () => undefined,
  } as Pick<Clients['cloudSql'], 'instance' | 'deleteUser' | 'wait'> as Clients['cloudSql'];
  clients = { target, postgres, cloudSql };
}, 180_000);
afterAll(async () => {
  await pair?.close();
});

const admin = (database: string, text: string) => pair.admin('destination', database, text);
async function asTheMigrationLeavesIt(): Promise<void> {
  await admin(
    'postgres',
    'create role cloudsqlexternalsync login createdb; grant cloudsqlexternalsync to postgres with admin true, inherit false, set false',
  );
  for (const role of [application, deviceEvent])
    await admin('postgres', `grant "${role}" to cloudsqlsuperuser with admin true, inherit false, set false`);
  await admin('inapp', `create function twice(i int) returns int language sql as 'select i * 2'`);
  await admin(
    'inapp',
    'create materialized view totals as select count(*) from campaign with no data; create materialized view totals_again as select * from totals with no data',
  );
  await admin(
    'inapp',
    'alter function twice owner to cloudsqlexternalsync; alter materialized view totals owner to cloudsqlexternalsync; alter materialized view totals_again owner to cloudsqlexternalsync',
  );
  await admin(
    'inapp',
    `reassign owned by "${application}" to cloudsqlexternalsync; drop owned by "${application}"; drop owned by "${deviceEvent}"`,
  );
  await admin('postgres', `alter role "${application}" login`);
}

const runOf = (step: Step<Needs>) => recordingRun(step.id, { uid: 'abcd1234' }, ledger);
const check = (step: Step<Needs>) => step.check(clients, runOf(step));
const apply = (step: Step<Needs>) => step.apply?.(clients, runOf(step));
async function undo(step: Step<Needs>) {
  if (typeof step.undo === 'function') await step.undo(clients, runOf(step));
}
function planOf(observation: Observation): readonly string[] {
  if (observation.state !== 'todo') throw new Error(`${observation.state}: ${JSON.stringify(observation)}`);
  return observation.plan;
}
async function doneTwice(step: Step<Needs>): Promise<void> {
  await apply(step);
  expect(await check(step)).toMatchObject({ state: 'done' });
  await apply(step);
  expect(await check(step)).toMatchObject({ state: 'done' });
}
async function asUser(user: string, text: string) {
  const client = await pair.as('destination', 'inapp', user, user === 'bigquery' ? passwords.bigquery : undefined);
  try {
    return await client.query(text);
  } finally {
    await client.end();
  }
}

const dsn = () => `postgresql://postgres:${passwords.postgres}@${pair.destination.host}:${pair.destination.port}/inapp?sslmode=require`;

describe('the roles migrator', () => {
  const users = [{ username: 'bigquery', roleType: 'read' as const }];
  it('dry-run: tells the SQL and changes nothing', async () => {
    const before = await admin('inapp', 'select relname, relacl::text from pg_class order by oid');
    const report = await migrateRoles({ dsn: dsn(), users, dryRun: true });
    expect(report.statements).toContain('grant "cloudsqlexternalsync" to "postgres" with inherit true, set true');
    expect(report.statements).toContain('grant select on all tables in schema "audience_data" to "bigquery"');
    expect(await admin('inapp', 'select relname, relacl::text from pg_class order by oid')).toEqual(before);
  });
  it('alone: grants, and takes its membership back', async () => {
    await migrateRoles({ dsn: dsn(), users, dryRun: false });
    await expect(asUser('bigquery', 'select count(*) from audience_data.contact')).resolves.toBeDefined();
    expect((await migrateRoles({ dsn: dsn(), users, dryRun: true })).statements).toEqual([]);
    expect(
      await admin(
        'postgres',
        `select 1 from pg_auth_members where roleid = 'cloudsqlexternalsync'::regrole and member = 'postgres'::regrole and (inherit_option or set_option)`,
      ),
    ).toEqual([]);
  });
  it('a user that does not exist is a sentence', async () => {
    await expect(migrateRoles({ dsn: dsn(), users: [{ username: 'nobody', roleType: 'read' }], dryRun: true })).rejects.toMatchObject({
      code: 'postgres.role-missing',
    });
  });
  it('dry-run of the ownership migrator names every database that has something', async () => {
    const report = await migrateOwnership({ dsn: dsn(), from: 'cloudsqlexternalsync', to: application, dryRun: true });
    expect(report.databases).toEqual([
      { database: 'inapp', statements: expect.arrayContaining([`reassign owned by "cloudsqlexternalsync" to "${application}"`]) },
    ]);
    expect(report.left.length).toBeGreaterThan(0);
  });
});

describe('the destination is prepared', () => {
  it('grant-destination-roles: write and read as configured, today and tomorrow', async () => {
    const plan = planOf(await check(grantDestinationRoles));
    expect(plan).toContain(
      `alter default privileges for role "cloudsqlexternalsync" in schema "public" grant select, insert, update, delete on tables to "${application}"`,
    );
    await doneTwice(grantDestinationRoles);
    await asUser(application, `insert into campaign (customer_id, name) values (1, 'x')`);
    await expect(asUser(deviceEvent, `insert into campaign (customer_id, name) values (1, 'x')`)).rejects.toMatchObject({ code: '42501' });
    await admin('inapp', 'set role cloudsqlexternalsync; create table tomorrow (a int primary key)');
    await asUser(application, 'insert into tomorrow values (1)');
    await admin('inapp', 'drop table tomorrow');
  });
  it('grant-destination-roles: undone, and done again', async () => {
    await undo(grantDestinationRoles);
    await expect(asUser(application, 'select 1 from campaign')).rejects.toMatchObject({ code: '42501' });
    await undo(grantDestinationRoles);
    expect(await check(grantDestinationRoles)).toMatchObject({ state: 'todo' });
    await doneTwice(grantDestinationRoles);
  });
  it('analyze-destination: every table has statistics, or it is not done', async () => {
    expect(planOf(await check(analyzeDestination))).toContain('vacuum (analyze, truncate false) "public"."campaign" -- database inapp');
    await doneTwice(analyzeDestination);
    expect(
      await admin(
        'inapp',
        `select c.relname from pg_stat_user_tables s join pg_class c on c.oid = relid where last_vacuum is null and relkind = 'r' and schemaname in ('public', 'audience_data')`,
      ),
    ).toEqual([]);
    expect(
      await admin(
        'inapp',
        `select count(*)::int as n from pg_stat_user_tables join pg_class c on c.oid = relid where last_analyze is null and relkind in ('r', 'p')`,
      ),
    ).toEqual([{ n: 0 }]);
  });
});

describe('after the promotion', () => {
  it('remove-external-sync-user: refuses while anything is owned, whatever was approved', async () => {
    expect(await check(removeExternalSyncUser)).toMatchObject({ state: 'blocked', code: 'postgres.still-owned' });
    await expect(apply(removeExternalSyncUser)).rejects.toMatchObject({ code: 'postgres.still-owned' });
    expect(await admin('inapp', 'select count(*)::int as n from campaign')).toEqual([{ n: 101 }]);
  });

  it('hand-over-ownership: database, schemas, tables, functions; then the owner may create a partition', async () => {
    const plan = planOf(await check(handOverOwnership));
    expect(plan).toContain(`reassign owned by "cloudsqlexternalsync" to "${application}"`);
    expect(plan).toContain(`alter default privileges for role "${application}" in schema "public" grant select on tables to "bigquery"`);
    await doneTwice(handOverOwnership);
    await asUser(
      application,
      'create table audience_data.first_ddl (a int primary key); alter table campaign add column later int; create or replace function twice(i int) returns int language sql as $$ select i + i $$',
    );
    await asUser('bigquery', 'select * from audience_data.first_ddl');
    await asUser(deviceEvent, 'select name from campaign');
    await expect(asUser(deviceEvent, 'delete from campaign')).rejects.toMatchObject({ code: '42501' });
  });

  it('restore-constraints: duplicates are told, an invalid index of an earlier try goes, the definition is the stored one', async () => {
    const entry = {
      database: 'inapp',
      schema: 'public',
      table: 'campaign',
      name: 'campaign_priority',
      owner: application,
      kind: 'u',
      definition,
    };
    ledger.set('drop-deferrable-constraints', new Map([['constraints', [entry]]]));
    expect(planOf(await check(restoreConstraints))).toContain(
      'create unique index concurrently "campaign_priority" on "public"."campaign" (customer_id, name)',
    );
    await admin('inapp', `insert into campaign (customer_id, name) values (7, 'double'), (7, 'double')`);
    await expect(apply(restoreConstraints)).rejects.toMatchObject({
      code: 'postgres.duplicate-rows',
      message: expect.not.stringContaining('double'),
      // The service file shows id and priority of campaigns; the values of the key itself stay masked.
      tables: [
        {
          title: 'Rows of public.campaign with the same key',
          table: [expect.arrayContaining(['id', 'customer_id', 'name']), expect.arrayContaining(['***']), expect.arrayContaining(['***'])],
        },
      ],
    });
    await admin('inapp', `create unique index concurrently campaign_priority on campaign (customer_id, name)`).catch(() => undefined);
    expect(await admin('inapp', `select indisvalid as v from pg_index where indexrelid = 'campaign_priority'::regclass`)).toEqual([
      { v: false },
    ]);
    await admin('inapp', `delete from campaign where name = 'double'`);
    await doneTwice(restoreConstraints);
    expect(await admin('inapp', `select pg_get_constraintdef(oid) as d from pg_constraint where conname = 'campaign_priority'`)).toEqual([
      { d: definition },
    ]);
    await undo(restoreConstraints);
    await doneTwice(restoreConstraints);
  });
  it('restore-constraints: another constraint of that name is not touched', async () => {
    await admin(
      'inapp',
      'alter table campaign drop constraint campaign_priority; alter table campaign add constraint campaign_priority unique (id, name)',
    );
    await expect(check(restoreConstraints)).rejects.toMatchObject({ code: 'postgres.constraint-differs' });
    await admin('inapp', 'alter table campaign drop constraint campaign_priority');
    await doneTwice(restoreConstraints);
  });

  it('restore-constraints: a column added for the migration goes where the service file says so, not while a publication needs it', async () => {
    const key = {
      database: 'inapp',
      schema: 'public',
      table: 'first_key',
      column: 'dbid',
      owner: application,
      onUndo: 'restore',
      onDestination: 'restore',
    };
    await asUser(application, 'create table first_key (a int, dbid bigserial primary key)');
    ledger.set('add-missing-primary-keys', new Map([['added', [key]]]));
    await admin('inapp', 'create publication covering for all tables');
    expect(await check(restoreConstraints)).toMatchObject({
      state: 'done',
      evidence: expect.stringContaining('stays until the way back is over'),
    });
    await admin('inapp', 'drop publication covering');
    expect(planOf(await check(restoreConstraints))).toEqual([
      'alter table if exists "public"."first_key" drop column if exists dbid -- database inapp',
    ]);
    await doneTwice(restoreConstraints);
  });

  it('refresh-materialized-views: in the order in which they read one another', async () => {
    expect(planOf(await check(refreshMaterializedViews)).filter((line) => line.startsWith('refresh'))).toEqual([
      'refresh materialized view "public"."totals" -- database inapp',
      'refresh materialized view "public"."totals_again" -- database inapp',
    ]);
    await doneTwice(refreshMaterializedViews);
    expect(await admin('inapp', 'select count > 0 as filled from totals_again')).toEqual([{ filled: true }]);
  });

  it('remove-external-sync-user: rights go, data stays, the user is gone', async () => {
    await admin('postgres', 'grant connect on database inapp to cloudsqlexternalsync');
    await admin('inapp', 'grant select on campaign to cloudsqlexternalsync');
    const before = await admin('inapp', 'select count(*)::int as n from campaign');
    expect(planOf(await check(removeExternalSyncUser)).join('\n')).toContain('delete user cloudsqlexternalsync');
    await doneTwice(removeExternalSyncUser);
    expect(await admin('inapp', 'select count(*)::int as n from campaign')).toEqual(before);
    expect(await admin('postgres', `select 1 from pg_roles where rolname = 'cloudsqlexternalsync'`)).toEqual([]);
  });
});
