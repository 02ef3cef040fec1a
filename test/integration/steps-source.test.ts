import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withSession } from '../../sandbox/servers/session.ts';
import type { Clients } from '../../src/clients.ts';
import { loadServices } from '../../src/config/load.ts';
import type { Target } from '../../src/config/schema.ts';
import { targetOf } from '../../src/config/target.ts';
import type { Observation, Step } from '../../src/engine/step.ts';
import { createPostgres, type PostgresConnections } from '../../src/postgres/connect.ts';
import { addMissingPrimaryKeys } from '../../src/steps/make-the-schema-compatible/add-missing-primary-keys.ts';
import { dropDeferrableConstraints } from '../../src/steps/make-the-schema-compatible/drop-deferrable-constraints.ts';
import { preflight } from '../../src/steps/preflight/preflight.ts';
import { backUpSource } from '../../src/steps/prepare-the-source/back-up-source.ts';
import { createMigrationUser } from '../../src/steps/prepare-the-source/create-migration-user.ts';
import { enableReplicationFlags } from '../../src/steps/prepare-the-source/enable-replication-flags.ts';
import { grantMigrationUser } from '../../src/steps/prepare-the-source/grant-migration-user.ts';
import { type GoogleWorld, openGoogleWorld, project, source } from '../support/google-world.ts';
import { type RecordingRun, recordingRun } from '../support/step-run.ts';

/** One source is prepared step after step, as in a run: the tests build on one another. */
let world: GoogleWorld;
let target: Target;
let postgres: PostgresConnections;
const ledger: RecordingRun['ledger'] = new Map();
const application = `me-inapp@${project}.iam`;
type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql' | 'dataMigration' | 'secrets' | 'workloads'>;
let clients: Needs;
const people: Clients['workloads'] = {
  driver: () => 'manual',
  observe: async () => undefined,
  undoneBy: async () => [],
  wanted: async () => undefined,
  scale: async () => undefined,
  settled: async () => undefined,
  set: async () => undefined,
};

beforeAll(async () => {
  world = await openGoogleWorld();
  world.google.putSecret(project, 'database-password-inapp-bigquery', 'bigquery-password');
  const service = (await loadServices('services')).get('inapp');
  if (!service) throw new Error('no service inapp');
  target = targetOf(service, 'staging');
  postgres = connect();
  clients = { target, postgres, cloudSql: world.cloudSql, dataMigration: world.dataMigration, secrets: world.secrets, workloads: people };
}, 180_000);
afterAll(async () => {
  await postgres?.close();
  await world?.close();
});

function cluster() {
  const found = world.fleet.get(source);
  if (!found) throw new Error('no source');
  return found;
}
function connect(): PostgresConnections {
  return createPostgres({
    addresses: async () => ({ host: cluster().host, port: cluster().port, caCertificate: cluster().serverCa }),
    password: async () => 'root-password',
    applicationName: 'pgupgrade/PG-1/test/1',
    guard: async () => undefined,
    patchedRole: 'cloudsqlpatched',
    signal: new AbortController().signal,
  });
}
const admin = (database: string, text: string) =>
  withSession({ ...cluster().admin, database }, async (client) => (await client.query(text)).rows);
const runOf = (step: Step<Needs>) => recordingRun(step.id, { uid: 'abcd1234' }, ledger);
const check = (step: Step<Needs>) => step.check(clients, runOf(step));
const apply = (step: Step<Needs>) => step.apply?.(clients, runOf(step));
async function undo(step: Step<Needs>) {
  const how = step.undo;
  if (typeof how === 'function') await how(clients, runOf(step));
  else if ('ask' in how) await how.undo(clients, runOf(step));
}
function planOf(observation: Observation): readonly string[] {
  if (observation.state !== 'todo') throw new Error(`${observation.state}: ${JSON.stringify(observation)}`);
  return observation.plan;
}
/** todo → apply → done → apply again harmless → undo → the same todo → apply → done. */
async function obeysTheLaws(step: Step<Needs>): Promise<readonly string[]> {
  const first = planOf(await check(step));
  await apply(step);
  expect(await check(step)).toMatchObject({ state: 'done' });
  await apply(step);
  expect(await check(step)).toMatchObject({ state: 'done' });
  await undo(step);
  const again = await check(step);
  if ('keep' in step.undo && !('ask' in step.undo)) expect(again.state).toBe('done');
  else expect(planOf(again)).toEqual(first);
  await undo(step);
  await apply(step);
  expect(await check(step)).toMatchObject({ state: 'done' });
  return first;
}

describe('the source is looked at and prepared', () => {
  it('preflight: the seeded instance has nothing that blocks; what steps handle is named', async () => {
    const seen = await check(preflight);
    expect(seen).toMatchObject({ state: 'done' });
    const text = seen.state === 'done' ? seen.evidence : '';
    expect(text).toContain('handled [drop-deferrable-constraints] constraint.deferrable');
    expect(text).toContain('handled [add-missing-primary-keys] table.no-primary-key: inapp: public.knex_migrations_lock');
    expect(text).toContain('handled [enable-replication-flags] replication.setting');
  });
  it('preflight: blocks with every reason at once, and a file', async () => {
    await admin('inapp', 'create table bare (a int); create unlogged table fleeting (a int primary key)');
    const seen = await check(preflight);
    await admin('inapp', 'drop table bare, fleeting');
    expect(seen).toMatchObject({ state: 'blocked', code: 'preflight.blocks' });
    expect(seen.state === 'blocked' && seen.file?.content).toContain('public.bare has no primary key');
    expect(seen.state === 'blocked' && seen.reason).toContain('public.fleeting');
  });
  it('preflight: a missing secret blocks', async () => {
    const secrets = {
      ...world.secrets,
      latest: async (name: string) => (name.includes('bigquery') ? undefined : world.secrets.latest(name)),
    };
    expect(await preflight.check({ ...clients, secrets }, runOf(preflight))).toMatchObject({ state: 'blocked' });
  });

  it('back-up-source: one backup, however often it is applied', async () => {
    expect(planOf(await check(backUpSource))).toHaveLength(1);
    await apply(backUpSource);
    await apply(backUpSource);
    expect(await check(backUpSource)).toMatchObject({ state: 'done' });
    expect((await world.cloudSql.backups(source)).filter((backup) => backup.description?.includes('abcd1234'))).toHaveLength(1);
  });

  it('enable-replication-flags: one restart, its outage measured, the other flags kept; undone with its gate', async () => {
    const before = (await world.cloudSql.instance(source))?.settings?.databaseFlags ?? [];
    const plan = await obeysTheLaws(enableReplicationFlags);
    expect(plan.join('\n')).toContain('cloudsql.logical_decoding (not set) → on');
    expect(runOf(enableReplicationFlags).recall<number>('outage-ms')).toBeGreaterThan(0);
    const after = (await world.cloudSql.instance(source))?.settings?.databaseFlags ?? [];
    for (const flag of before) expect(after.map(({ name }) => name)).toContain(flag.name);
    const [shown] = await admin('postgres', 'show wal_level');
    expect(shown).toEqual({ wal_level: 'logical' });
  });
  it('enable-replication-flags: with a logical slot left it is not undone', async () => {
    await admin('postgres', `select pg_create_logical_replication_slot('left', 'pgoutput')`);
    await expect(undo(enableReplicationFlags)).rejects.toMatchObject({ code: 'postgres.slots-left' });
    await admin('postgres', `select pg_drop_replication_slot('left')`);
  });

  it('create-migration-user: the password is a secret before its user is there, and never a fact', async () => {
    await obeysTheLaws(createMigrationUser);
    const password = (await world.secrets.latest('database-password-inapp-migration')) ?? '';
    expect(password.length).toBeGreaterThan(20);
    await (await postgres.login('source', 'inapp', 'migration', password)).end();
    expect(JSON.stringify([...ledger].map(([step, entries]) => [step, ...entries]))).not.toContain(password);
  });
  it('create-migration-user: a changed secret is what the user gets', async () => {
    await world.secrets.put('database-password-inapp-wayback', 'another-password');
    expect(planOf(await check(createMigrationUser))).toEqual([expect.stringContaining('set the password of wayback')]);
    await apply(createMigrationUser);
    expect(await check(createMigrationUser)).toMatchObject({ state: 'done' });
  });

  it('grant-migration-user: every table of today and of tomorrow, whoever creates it', async () => {
    const plan = await obeysTheLaws(grantMigrationUser);
    expect(plan).toContain('create extension if not exists pglogical');
    expect(plan).toContain('alter user "migration" with replication');
    expect(plan).toContain(`grant usage on schema pglogical to "${application}"`);
    expect(plan).toContain(
      `alter default privileges for role "${application}" in schema "audience_data" grant select on tables to "migration"`,
    );
    await admin('inapp', `set role "${application}"; create table audience_data.tomorrow (a int primary key)`);
    expect(await admin('inapp', `select has_table_privilege('migration', 'audience_data.tomorrow', 'select') as may`)).toEqual([
      { may: true },
    ]);
    await admin('inapp', 'drop table audience_data.tomorrow');
    expect(runOf(grantMigrationUser).recall('memberships')).toEqual([{ side: 'source', role: application, member: 'postgres' }]);
  });
  it('grant-migration-user: a table that lost its grant is seen', async () => {
    await admin('inapp', 'revoke select on campaign from migration');
    expect(await check(grantMigrationUser)).toMatchObject({ state: 'todo' });
    await apply(grantMigrationUser);
    expect(await check(grantMigrationUser)).toMatchObject({ state: 'done' });
  });

  it('drop-deferrable-constraints: the exact definition is in the ledger before it goes, and comes back', async () => {
    const definition = async () =>
      (await admin('inapp', `select pg_get_constraintdef(oid) as d from pg_constraint where conname = 'campaign_priority'`))[0]?.['d'];
    const original = await definition();
    const first = planOf(await check(dropDeferrableConstraints));
    expect(first.join('\n')).toContain(String(original));
    await apply(dropDeferrableConstraints);
    expect(await definition()).toBeUndefined();
    expect(runOf(dropDeferrableConstraints).recall<{ definition: string }[]>('constraints')).toContainEqual(
      expect.objectContaining({ definition: original }),
    );
    await undo(dropDeferrableConstraints);
    expect(await definition()).toBe(original);
    await obeysTheLaws(dropDeferrableConstraints);
  });
  it('drop-deferrable-constraints: a lock held by somebody is waited for five seconds, then tried again later', async () => {
    await undo(dropDeferrableConstraints);
    await withSession({ ...cluster().admin, database: 'inapp' }, async (client) => {
      await client.query('begin; lock table campaign in share mode');
      await expect(apply(dropDeferrableConstraints)).rejects.toMatchObject({ name: 'Transient', code: 'postgres.lock-timeout' });
      await client.query('rollback');
    });
    await apply(dropDeferrableConstraints);
    expect(await check(dropDeferrableConstraints)).toMatchObject({ state: 'done' });
  });

  it('drop-deferrable-constraints: rows that violate it by now are shown when it is taken back, and that goes on once they are put right', async () => {
    await admin(
      'inapp',
      `insert into campaign (customer_id, application_code, priority, name) select 987654, 'TWICE-1', 1, 'twice' from generate_series(1, 2)`,
    );
    await expect(undo(dropDeferrableConstraints)).rejects.toMatchObject({
      code: 'postgres.duplicate-rows',
      message: expect.not.stringContaining('TWICE'),
      tables: [{ title: 'Rows of public.campaign with the same key', table: [expect.arrayContaining(['id', 'priority']), {}, {}] }],
    });
    await admin('inapp', 'delete from campaign where customer_id = 987654');
    await undo(dropDeferrableConstraints);
    expect(await admin('inapp', `select 1 as one from pg_constraint where conname = 'campaign_priority'`)).toHaveLength(1);
    await apply(dropDeferrableConstraints);
  });

  it('add-missing-primary-keys: the service file’s column, taken back by undo', async () => {
    const plan = await obeysTheLaws(addMissingPrimaryKeys);
    expect(plan).toContain('alter table "public"."knex_migrations_lock" add column dbid BIGSERIAL PRIMARY KEY -- database inapp');
  });
  it('add-missing-primary-keys: a table that the service file does not name stops the run', async () => {
    await admin('inapp', 'create table bare (a int)');
    expect(await check(addMissingPrimaryKeys)).toMatchObject({ state: 'blocked', code: 'postgres.no-primary-key' });
    await admin('inapp', 'drop table bare');
  });

  it('create-migration-user: goes although tables were being made while its rights were taken back', async () => {
    const making = (table: string, meanwhile: () => Promise<unknown>) =>
      withSession({ ...cluster().admin, database: 'inapp' }, async (client) => {
        await client.query(
          `begin; set local role "${application}"; create table audience_data.${table} (a int primary key); grant select on audience_data.${table} to migration`,
        );
        await meanwhile();
        await client.query('commit');
      });
    await making('earlier', () => undo(grantMigrationUser));
    let removed: Promise<unknown> = Promise.resolve();
    await making('late', async () => {
      removed = undo(createMigrationUser).catch((error: unknown) => error);
      await expect
        .poll(() => admin('postgres', `select 1 as waits from pg_stat_activity where query like 'drop role%' and wait_event_type = 'Lock'`))
        .toHaveLength(1);
    });
    expect(await removed).toBeUndefined();
    expect(await admin('postgres', `select rolname from pg_roles where rolname in ('migration', 'wayback')`)).toEqual([]);
    expect(
      await admin('postgres', `select 1 from pg_auth_members m join pg_roles r on r.oid = m.roleid where r.rolname = '${application}'`),
    ).toEqual([]);
    await admin('inapp', 'drop table audience_data.earlier, audience_data.late');
  });
});
