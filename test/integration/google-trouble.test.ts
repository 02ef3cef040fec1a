import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withSession } from '../../sandbox/servers/session.ts';
import { destination, type GoogleWorld, location, openGoogleWorld, project, source } from '../support/google-world.ts';

/** What goes wrong around a migration job, and what the stand-in must not forgive. */
let world: GoogleWorld;
const job = 'trouble';
const password = 'migration-password';
const done = async (operation: string) => world.dataMigration.wait(operation, world.wait);
const sqlDone = async (operation: string) => world.cloudSql.wait(operation, world.wait);

async function admin(instance: string, database: string, text: string) {
  const found = world.fleet.get(instance);
  if (!found) throw new Error(`no cluster ${instance}`);
  return withSession({ ...found.admin, database }, async (client) => (await client.query(text)).rows);
}

async function phase(wanted: (job: { state?: string | null; phase?: string | null }) => boolean) {
  for (;;) {
    const shown = await world.dataMigration.job(job);
    if (shown && wanted(shown)) return shown;
    await pause(50);
  }
}

beforeAll(async () => {
  world = await openGoogleWorld();
  const flags = {
    'cloudsql.enable_pglogical': 'on',
    'cloudsql.logical_decoding': 'on',
    max_replication_slots: '30',
    max_wal_senders: '30',
    max_worker_processes: '44',
  };
  const databaseFlags = Object.entries(flags).map(([name, value]) => ({ name, value }));
  const insert = await world.cloudSql.insertInstance({
    name: destination,
    databaseVersion: 'POSTGRES_17',
    region: 'europe-west3',
    settings: { tier: 'x', databaseFlags },
  });
  await sqlDone(await world.cloudSql.patchInstance(source, { settings: { databaseFlags } }));
  await sqlDone(insert);
  await sqlDone(await world.cloudSql.insertUser(source, { name: 'migration', password }));
  for (const database of ['postgres', 'inapp'])
    await admin(
      source,
      database,
      `create extension pglogical; alter user migration with replication; grant usage on schema pglogical to migration;
       grant select on all tables in schema pglogical to migration; grant pg_read_all_data to migration`,
    );
  const certificate = await world.cloudSql.insertCertificate(source, 'trouble');
  const { host, port } = world.fleet.get(source) ?? { host: '', port: 0 };
  const ssl = {
    type: 'SERVER_CLIENT',
    caCertificate: certificate.serverCa,
    clientCertificate: certificate.certificate,
    clientKey: certificate.privateKey,
  };
  const profile = { role: 'SOURCE', postgresql: { host, port, username: 'migration', password, ssl } };
  await done(await world.dataMigration.createConnectionProfile('a', profile, 'a'));
  await done(await world.dataMigration.createConnectionProfile('b', { role: 'DESTINATION', postgresql: { cloudSqlId: destination } }, 'b'));
  const vpcPeeringConnectivity = { vpc: `projects/${project}/global/networks/default` };
  const body = {
    type: 'CONTINUOUS',
    source: `${location}/connectionProfiles/a`,
    destination: `${location}/connectionProfiles/b`,
    vpcPeeringConnectivity,
  };
  await done(await world.dataMigration.createJob(job, body, 'j'));
});
afterAll(async () => {
  expect(world.violations()).toEqual([]);
  await world.close();
});

test('a destination that holds data is not demoted, and the test says EXISTING_DATA', async () => {
  await admin(destination, 'postgres', 'create table leftover (id int)');
  await expect(world.dataMigration.demoteDestination(job).then(done)).rejects.toThrow(/not empty: .*leftover/);
  const found = world.dataMigration.verificationErrors(await done(await world.dataMigration.verify(job)));
  expect(found.map((finding) => finding.errorCode)).toContain('EXISTING_DATA');
  await admin(destination, 'postgres', 'drop table leftover');
  await done(await world.dataMigration.demoteDestination(job));
});

test('backups and high availability are refused on a demoted destination', async () => {
  await expect(world.cloudSql.patchInstance(destination, { settings: { availabilityType: 'REGIONAL' } })).rejects.toMatchObject({
    code: 'gcp.failed-precondition',
  });
  await expect(world.cloudSql.insertBackup(destination, 'x')).rejects.toMatchObject({ code: 'gcp.failed-precondition' });
});

test('a wrong password is AUTHENTICATION_FAILURE, a start with it leaves the job to be started again', async () => {
  await sqlDone(await world.cloudSql.setPassword(source, 'migration', 'another-password'));
  const found = world.dataMigration.verificationErrors(await done(await world.dataMigration.verify(job)));
  expect(found).toEqual([expect.objectContaining({ errorCode: 'AUTHENTICATION_FAILURE' })]);
  await expect(world.dataMigration.start(job).then(done)).rejects.toThrow(/does not accept user migration/);
  expect(await world.dataMigration.job(job)).toMatchObject({ state: 'NOT_STARTED' });
  await sqlDone(await world.cloudSql.setPassword(source, 'migration', password));
});

test('a broken subscription is a FAILED job that says which, and a restart copies anew', async () => {
  await done(await world.dataMigration.start(job));
  await phase((shown) => shown.phase === 'CDC');
  // A column that only the source has takes the subscription down at the next insert.
  await admin(
    source,
    'inapp',
    `alter table knex_migrations add column extra int; insert into knex_migrations (name, batch, migration_time, extra) values ('x', 1, now(), 1)`,
  );
  const failed = await phase((shown) => shown.state === 'FAILED');
  expect(failed).toMatchObject({ phase: 'CDC', error: { message: expect.stringMatching(/subscription .* of database inapp is down/) } });
  const token = await world.auth.getAccessToken();
  const answer = await fetch(`${world.endpoint}/v1/${location}/migrationJobs/${job}:restart`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: '{}',
  });
  await done(((await answer.json()) as { readonly name: string }).name);
  await phase((shown) => shown.state === 'RUNNING' && shown.phase === 'CDC');
  expect(await admin(destination, 'inapp', `select extra from knex_migrations where name = 'x'`)).toEqual([{ extra: 1 }]);
});

test('an operation that fails by order leaves the job FAILED in its last phase', async () => {
  world.google.faults.add({ kind: 'fail-operation', operation: 'promote', message: 'internal error' });
  await expect(world.dataMigration.promote(job).then(done)).rejects.toThrow(/internal error/);
  expect(await world.dataMigration.job(job)).toMatchObject({ state: 'FAILED', phase: 'PROMOTE_IN_PROGRESS' });
});

test('a promotion whose answer is lost is found by reading the job', async () => {
  world.google.faults.add({ kind: 'lose-answer', method: 'migrationJobs.promote' });
  await expect(world.dataMigration.promote(job)).rejects.toMatchObject({ code: 'gcp.connection-lost' });
  await phase((shown) => shown.state === 'COMPLETED');
  await expect(world.dataMigration.promote(job)).rejects.toMatchObject({ code: 'gcp.failed-precondition' });
});

test('what is only read is asked again when its connection breaks or Google is away, what changes something is not', async () => {
  const secret = 'database-password-inapp-postgres';
  world.google.faults.add({ kind: 'lose-answer', method: 'secrets.versions.access', times: 2 });
  expect(await world.secrets.latest(secret)).toBe('root-password');
  world.google.faults.add({ kind: 'unavailable', method: 'instances.get', times: 2 });
  expect(await world.cloudSql.instance(source)).toMatchObject({ name: source });
  world.google.faults.add({ kind: 'lose-answer', method: 'secrets.versions.access', times: 3 });
  await expect(world.secrets.latest(secret)).rejects.toMatchObject({ code: 'gcp.connection-lost' });
  await world.secrets.put('of-no-use', 'a value');
  world.google.faults.add({ kind: 'lose-answer', method: 'secrets.delete' });
  await expect(world.secrets.destroy('of-no-use')).rejects.toMatchObject({ code: 'gcp.connection-lost' });
  expect(await world.secrets.latest('of-no-use')).toBeUndefined();
});

test('deletion with force takes the destination with it, so that a bug shows', async () => {
  const token = await world.auth.getAccessToken();
  const answer = await fetch(`${world.endpoint}/v1/${location}/migrationJobs/${job}?force=true`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token}` },
  });
  await done(((await answer.json()) as { readonly name: string }).name);
  expect(await world.cloudSql.instance(destination)).toBeUndefined();
  expect(world.fleet.get(destination)).toBeUndefined();
});
