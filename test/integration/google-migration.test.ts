import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { iamToken } from '../../sandbox/servers/roles.ts';
import { withSession } from '../../sandbox/servers/session.ts';
import { unfit } from '../../src/gcp/adoption.ts';
import { cloneBody } from '../../src/gcp/instance-clone.ts';
import { certificateName, migrationJobId, profileId, requestId } from '../../src/gcp/names.ts';
import { destination, type GoogleWorld, location, openGoogleWorld, project, source } from '../support/google-world.ts';
import { grantMigrationUser, makeCompatible } from '../support/source-preparation.ts';

/** One instance goes the whole way, step after step, by the bot's own clients: the tests build on one another. */
let world: GoogleWorld;
const run = { uid: 'abcd1234', service: 'inapp', environment: 'staging' } as const;
const job = migrationJobId(run);
const application = `me-inapp@${project}.iam`;
const password = "it's a \\ password";

beforeAll(async () => {
  world = await openGoogleWorld();
});
afterAll(async () => {
  await world.close();
});

function cluster(name: string) {
  const found = world.fleet.get(name);
  if (!found) throw new Error(`no cluster ${name}`);
  return found;
}
async function sql(instance: string, database: string, text: string, as?: { readonly user: string; readonly password: string }) {
  const { admin, host, port, serverCa } = cluster(instance);
  const session = as ? { host, port, database, ca: serverCa, ...as } : { ...admin, database };
  return withSession(session, async (client) => (await client.query(text)).rows);
}
const asApplication = { user: application, password: iamToken };
const asPostgres = { user: 'postgres', password: 'root-password' };
const done = async (operation: string) => world.dataMigration.wait(operation, world.wait);
const sqlDone = async (operation: string) => world.cloudSql.wait(operation, world.wait);

/** Resolves when the stand-in shows the job in a phase, told by its own observation. */
async function reached(phase: string): Promise<void> {
  for (;;) {
    const shown = await world.dataMigration.job(job);
    if (shown?.state === 'FAILED') throw new Error(`the job failed: ${shown.error?.message ?? ''}`);
    if (shown?.phase === phase) return;
  }
}

test('a test before the source is prepared names what is missing', async () => {
  const old = await world.cloudSql.instance(source);
  const { body } = cloneBody(old ?? {}, { name: destination, version: 17, flagsOfTarget: await world.cloudSql.flags('POSTGRES_17') });
  await sqlDone(await world.cloudSql.insertInstance(body));
  await sqlDone(await world.cloudSql.insertUser(source, { name: 'migration', password }));
  const certificate = await world.cloudSql.insertCertificate(source, certificateName(run));
  const { host, port } = cluster(source);
  const id = profileId(run, 'source');
  const sourceProfile = {
    displayName: id,
    provider: 'CLOUDSQL',
    role: 'SOURCE',
    postgresql: {
      cloudSqlId: source,
      host,
      port,
      username: 'migration',
      password,
      ssl: {
        type: 'SERVER_CLIENT',
        caCertificate: certificate.serverCa,
        clientCertificate: certificate.certificate,
        clientKey: certificate.privateKey,
      },
    },
  };
  const first = await world.dataMigration.createConnectionProfile(id, sourceProfile, requestId(run, 'source'));
  const again = await world.dataMigration.createConnectionProfile(id, sourceProfile, requestId(run, 'source'));
  expect(again).toBe(first);
  await done(first);
  const shown = await world.dataMigration.connectionProfile(id);
  expect(shown?.postgresql).toMatchObject({ host, username: 'migration', passwordSet: true });
  expect(JSON.stringify(shown)).not.toMatch(/PRIVATE KEY|it's a/);
  const to = profileId(run, 'destination');
  await done(
    await world.dataMigration.createConnectionProfile(
      to,
      { displayName: to, provider: 'CLOUDSQL', role: 'DESTINATION', postgresql: { cloudSqlId: destination } },
      requestId(run, 'destination'),
    ),
  );
  await done(
    await world.dataMigration.createJob(
      job,
      {
        displayName: job,
        type: 'CONTINUOUS',
        source: `${location}/connectionProfiles/${id}`,
        destination: `${location}/connectionProfiles/${to}`,
        sourceDatabase: { engine: 'POSTGRESQL', provider: 'CLOUDSQL' },
        destinationDatabase: { engine: 'POSTGRESQL', provider: 'CLOUDSQL' },
        vpcPeeringConnectivity: { vpc: `projects/${project}/global/networks/default` },
        performanceConfig: { dumpParallelLevel: 'MAX' },
      },
      requestId(run, 'job'),
    ),
  );
  expect(await world.dataMigration.job(job)).toMatchObject({ state: 'NOT_STARTED', phase: 'PHASE_UNSPECIFIED' });
  const ended = await done(await world.dataMigration.verify(job));
  const codes = world.dataMigration.verificationErrors(ended).map((finding) => finding.errorCode);
  expect(codes).toEqual(expect.arrayContaining(['INVALID_WAL_LEVEL', 'NO_PGLOGICAL_INSTALLED']));
});

test('actions in a wrong state are refused', async () => {
  await expect(world.dataMigration.promote(job)).rejects.toMatchObject({ code: 'gcp.failed-precondition' });
  await expect(world.dataMigration.start(job)).rejects.toThrow(/demoted/);
  await expect(world.dataMigration.deleteConnectionProfile(profileId(run, 'source'))).rejects.toThrow(/is used by migration job/);
});

test('a destination with high availability is not demoted; one that fits becomes a replica of its source representation', async () => {
  await sqlDone(await world.cloudSql.patchInstance(destination, { settings: { availabilityType: 'REGIONAL' } }));
  await expect(world.dataMigration.demoteDestination(job).then(done)).rejects.toThrow(/high availability/);
  const changes = unfit((await world.cloudSql.instance(destination)) ?? {});
  await sqlDone(await world.cloudSql.patchInstance(destination, { settings: Object.assign({}, ...changes.map(({ patch }) => patch)) }));
  await done(await world.dataMigration.demoteDestination(job));
  expect(await world.cloudSql.instance(destination)).toMatchObject({
    instanceType: 'READ_REPLICA_INSTANCE',
    masterInstanceName: `${project}:${destination}-master`,
  });
  expect(await world.cloudSql.instance(`${destination}-master`)).toMatchObject({ instanceType: 'ON_PREMISES_INSTANCE' });
  await sqlDone(await world.cloudSql.setPassword(destination, 'postgres', 'root-password'));
  await sql(destination, 'postgres', 'grant cloudsqlexternalsync to postgres with inherit true, set true', asPostgres);
});

test('with the source prepared as the runbook says the job verifies; the missing primary key only warns', async () => {
  const { settings } = (await world.cloudSql.instance(source)) ?? {};
  const more = {
    'cloudsql.logical_decoding': 'on',
    'cloudsql.enable_pglogical': 'on',
    max_replication_slots: '30',
    max_wal_senders: '30',
    max_worker_processes: '44',
  };
  const databaseFlags = [...(settings?.databaseFlags ?? []), ...Object.entries(more).map(([name, value]) => ({ name, value }))];
  await sqlDone(await world.cloudSql.patchInstance(source, { settings: { databaseFlags } }));
  await grantMigrationUser(sql, application);
  await makeCompatible(sql);
  const ended = await done(await world.dataMigration.verify(job));
  expect(ended.error).toBeUndefined();
  expect(world.dataMigration.verificationErrors(ended)).toEqual([
    expect.objectContaining({ errorCode: 'TABLES_WITH_LIMITED_SUPPORT', errorMessage: expect.stringContaining('knex_migrations_lock') }),
  ]);
});

test('the start copies every database over TLS until all subscriptions replicate: phase CDC', async () => {
  await sql(source, 'inapp', 'alter table knex_migrations_lock add column dbid bigserial primary key', asApplication);
  await sql(source, 'inapp', 'grant select on all sequences in schema public to migration', asApplication);
  const phases: string[] = [];
  const end = world.google.on((event) => event.type === 'phase' && phases.push(`${event.state} ${event.phase}`));
  await done(await world.dataMigration.start(job));
  await reached('CDC');
  end();
  expect(phases.at(0)).toMatch(/^STARTING/);
  expect(phases.at(-1)).toBe('RUNNING CDC');
  const objects = await world.dataMigration.objects(job);
  expect(objects.map((object) => [object.sourceObject?.database, object.phase])).toEqual([
    ['inapp', 'CDC'],
    ['postgres', 'CDC'],
  ]);
  // A worker ends its initial copy and comes back to its slot by itself.
  await expect
    .poll(() =>
      sql(
        source,
        'postgres',
        `select database, count(*)::int from pg_replication_slots where plugin = 'pglogical_output' and active group by 1 order by 1`,
      ),
    )
    .toEqual([
      { database: 'inapp', count: 2 },
      { database: 'postgres', count: 2 },
    ]);
  const secure = await sql(
    source,
    'postgres',
    `select bool_and(ssl) as tls, bool_and(client_dn is not null) as certificate from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'migration'`,
  );
  expect(secure).toEqual([{ tls: true, certificate: true }]);
  const owners = await sql(
    destination,
    'inapp',
    `select distinct tableowner from pg_tables where schemaname in ('public', 'audience_data')`,
  );
  expect(owners).toEqual([{ tableowner: 'cloudsqlexternalsync' }]);
});

const counts = `select relname, (xpath('/row/c/text()', query_to_xml(format('select count(*) as c from %s', c.oid::regclass), true, true, '')))[1]::text::int as rows
  from pg_class c join pg_namespace n on n.oid = relnamespace where relkind = 'r' and nspname in ('public', 'audience_data') order by 1`;

test('changes flow: what is written on the source arrives on the destination', async () => {
  await sql(
    source,
    'inapp',
    `insert into knex_migrations (name, batch, migration_time) select 'late-' || i, 99, now() from generate_series(1, 500) i`,
    asApplication,
  );
  await sql(
    source,
    'inapp',
    `update knex_migrations set batch = 100 where name = 'late-1'; delete from knex_migrations where name = 'late-2'`,
    asApplication,
  );
  await drained();
  expect(await sql(destination, 'inapp', `select count(*)::int, max(batch) from knex_migrations where name like 'late-%'`)).toEqual([
    { count: 499, max: 100 },
  ]);
  const rows = await sql(source, 'inapp', counts);
  expect(rows.some((row) => row.rows > 1000)).toBe(true);
  expect(await sql(destination, 'inapp', counts)).toEqual(rows);
});

/** Every slot of the job has confirmed what is written now. */
async function drained(): Promise<void> {
  for (const database of ['inapp', 'postgres'])
    await sql(
      source,
      database,
      `select pglogical.wait_slot_confirm_lsn(slot_name, pg_current_wal_insert_lsn()) from pg_replication_slots where database = current_database() and plugin = 'pglogical_output'`,
    );
}

test('stopped and resumed, nothing is lost', async () => {
  await done(await world.dataMigration.stop(job));
  expect(await world.dataMigration.job(job)).toMatchObject({ state: 'STOPPED', phase: 'CDC' });
  await sql(source, 'inapp', `insert into knex_migrations (name, batch, migration_time) values ('while stopped', 1, now())`, asApplication);
  const client = world.auth;
  const token = await client.getAccessToken();
  const answer = await fetch(`${world.endpoint}/v1/${location}/migrationJobs/${job}:resume`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  });
  const { name } = (await answer.json()) as { readonly name: string };
  await done(name);
  await drained();
  expect(await sql(destination, 'inapp', `select count(*)::int from knex_migrations where name = 'while stopped'`)).toEqual([{ count: 1 }]);
});

test('the promotion fails while the source does not let user migration in, and can be called again', async () => {
  await sql(source, 'postgres', 'revoke connect on database inapp from public; revoke connect on database inapp from migration');
  await sql(source, 'inapp', `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'migration'`);
  await expect(world.dataMigration.promote(job).then(done)).rejects.toThrow(/permission denied for database/);
  expect(await world.dataMigration.job(job)).toMatchObject({ state: 'FAILED', phase: 'PROMOTE_IN_PROGRESS' });
  expect(await world.cloudSql.instance(destination)).toMatchObject({ instanceType: 'READ_REPLICA_INSTANCE' });
  await sql(source, 'postgres', 'grant connect on database inapp to migration, public');
});

test('the promotion sets the sequences, drops subscriptions and slots, and leaves what the real one leaves', async () => {
  const sequences = `select schemaname, sequencename, last_value::text from pg_sequences where schemaname in ('public', 'audience_data') order by 1, 2`;
  const wanted = await sql(source, 'inapp', sequences);
  expect(wanted.some((row) => row.last_value !== null)).toBe(true);
  await done(await world.dataMigration.promote(job));
  expect(await world.dataMigration.job(job)).toMatchObject({ state: 'COMPLETED' });
  const instance = await world.cloudSql.instance(destination);
  expect(instance?.instanceType).toBe('CLOUD_SQL_INSTANCE');
  expect(instance?.masterInstanceName).toBeUndefined();
  expect(await sql(destination, 'inapp', sequences)).toEqual(wanted);
  expect(await sql(source, 'postgres', 'select slot_name from pg_replication_slots')).toEqual([]);
  expect(await sql(destination, 'inapp', 'select sub_name from pglogical.subscription')).toEqual([]);
  expect(await sql(source, 'inapp', 'select count(*)::int from pglogical.node')).toEqual([{ count: 1 }]);
  expect(await world.cloudSql.instance(`${destination}-master`)).toBeDefined();
  expect(await sql(destination, 'inapp', counts)).toEqual(await sql(source, 'inapp', counts));
  await sql(destination, 'inapp', `insert into knex_migrations (name, batch, migration_time) values ('after', 1, now())`, asPostgres);
});

test('clean-up: the job goes without force, its destination stays, the rest can be removed', async () => {
  await done(await world.dataMigration.deleteJob(job));
  expect(await world.dataMigration.job(job)).toBeUndefined();
  expect(await world.dataMigration.connectionProfile(profileId(run, 'destination'))).toBeUndefined();
  await done(await world.dataMigration.deleteConnectionProfile(profileId(run, 'source')));
  await sqlDone(await world.cloudSql.deleteInstance(`${destination}-master`));
  expect(await world.cloudSql.instance(destination)).toMatchObject({ state: 'RUNNABLE' });
  await expect(world.cloudSql.deleteUser(destination, 'cloudsqlexternalsync')).rejects.toThrow(/objects? in database inapp/);
});

test('no request and no answer violated the official schemas, no secret stands in the log, every change was guarded', () => {
  expect(world.violations()).toEqual([]);
  expect(JSON.stringify(world.google.log)).not.toMatch(/PRIVATE KEY|it's a/);
  expect(world.guarded()).toBeGreaterThan(15);
  expect(readFileSync(new URL('../../sandbox/google/schema.json', import.meta.url), 'utf8').length).toBeLessThan(100_000);
});
