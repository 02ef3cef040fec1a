import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withSession } from '../../sandbox/servers/session.ts';
import { NeedsHuman, Transient } from '../../src/errors.ts';
import { unfit } from '../../src/gcp/adoption.ts';
import { createCloudSql } from '../../src/gcp/cloud-sql.ts';
import { cloneBody } from '../../src/gcp/instance-clone.ts';
import { destination, type GoogleWorld, openGoogleWorld, project, source } from '../support/google-world.ts';

let world: GoogleWorld;
beforeAll(async () => {
  world = await openGoogleWorld();
});
afterAll(async () => {
  expect(world.violations()).toEqual([]);
  await world.close();
});

const admin = async (instance: string, query: string) => {
  const cluster = world.fleet.get(instance);
  if (!cluster) throw new Error(`no cluster ${instance}`);
  return withSession({ ...cluster.admin, database: 'postgres' }, async (client) => (await client.query(query)).rows);
};

describe('instances', () => {
  test('what does not exist is undefined to a read', async () => {
    expect(await world.cloudSql.instance('nobody')).toBeUndefined();
  });

  test('the clone of the configuration becomes a real server of the new version, RUNNABLE, at its own address', async () => {
    const old = await world.cloudSql.instance(source);
    expect(old?.settings).toMatchObject({ availabilityType: 'REGIONAL', backupConfiguration: { pointInTimeRecoveryEnabled: true } });
    const flagsOfTarget = await world.cloudSql.flags('POSTGRES_17');
    const { body, differences } = cloneBody(old ?? {}, { name: destination, version: 17, flagsOfTarget, databases: 2 });
    expect(differences).toContainEqual(expect.objectContaining({ field: 'databaseFlags.old_snapshot_threshold', kind: 'dropped' }));
    const operation = await world.cloudSql.insertInstance(body);
    expect((await world.cloudSql.instance(destination))?.state).toBe('PENDING_CREATE');
    await world.cloudSql.wait(operation, world.wait);
    const made = await world.cloudSql.instance(destination);
    expect(made).toMatchObject({ state: 'RUNNABLE', instanceType: 'CLOUD_SQL_INSTANCE', databaseVersion: 'POSTGRES_17' });
    expect(made?.ipAddresses?.[0]?.ipAddress).not.toBe(old?.ipAddresses?.[0]?.ipAddress);
    expect(unfit(made ?? {})).toEqual([]);
    expect(await admin(destination, 'show wal_level')).toEqual([{ wal_level: 'logical' }]);
    expect((await admin(destination, 'show server_version'))[0].server_version).toMatch(/^17/);
    await expect(world.cloudSql.insertInstance(body)).rejects.toMatchObject({ code: 'gcp.already-exists' });
  });

  test('flags arrive at the server after one restart, and an unknown flag or value is refused', async () => {
    const started = async () => (await admin(source, 'select pg_postmaster_start_time() as at'))[0].at as Date;
    const before = await started();
    const { settings } = (await world.cloudSql.instance(source)) ?? {};
    const databaseFlags = [
      ...(settings?.databaseFlags ?? []),
      { name: 'cloudsql.logical_decoding', value: 'on' },
      { name: 'cloudsql.enable_pglogical', value: 'on' },
      { name: 'max_replication_slots', value: '30' },
      { name: 'max_wal_senders', value: '30' },
      { name: 'max_worker_processes', value: '44' },
    ];
    const version = settings?.settingsVersion ?? '';
    await world.cloudSql.wait(
      await world.cloudSql.patchInstance(source, { settings: { settingsVersion: version, databaseFlags } }),
      world.wait,
    );
    expect(await admin(source, 'show wal_level')).toEqual([{ wal_level: 'logical' }]);
    expect(await admin(source, 'show max_replication_slots')).toEqual([{ max_replication_slots: '30' }]);
    expect((await started()).getTime()).toBeGreaterThan(before.getTime());
    const after = await world.cloudSql.instance(source);
    expect(Number(after?.settings?.settingsVersion)).toBe(Number(version) + 1);
    expect(after?.settings?.userLabels).toEqual(settings?.userLabels);
    await expect(world.cloudSql.patchInstance(source, { settings: { settingsVersion: version } })).rejects.toMatchObject({
      code: 'gcp.changed-meanwhile',
    });
    await expect(
      world.cloudSql.patchInstance(source, { settings: { databaseFlags: [{ name: 'nonsense', value: 'on' }] } }),
    ).rejects.toThrow(/nonsense/);
    await expect(world.cloudSql.patchInstance(source, { settings: { databaseFlags: [{ name: 'work_mem', value: '1' }] } })).rejects.toThrow(
      /work_mem/,
    );
  });

  test('a second operation on an instance is refused while one runs, and Transient', async () => {
    world.google.faults.add({ kind: 'hold', operation: 'BACKUP_VOLUME', ms: 400 });
    const operation = await world.cloudSql.insertBackup(source, 'run x');
    await expect(world.cloudSql.insertBackup(source, 'run y')).rejects.toMatchObject({ code: 'gcp.operation-in-progress' });
    await expect(world.cloudSql.insertBackup(source, 'run y')).rejects.toBeInstanceOf(Transient);
    const running = await world.cloudSql.runningOperations(source);
    expect(running).toHaveLength(1);
    await world.cloudSql.wait(operation, world.wait);
    const backups = await world.cloudSql.backups(source);
    expect(backups[0]).toMatchObject({ description: 'run x', status: 'SUCCESSFUL', type: 'ON_DEMAND' });
  });

  test('deletion protection refuses the deletion', async () => {
    await expect(world.cloudSql.deleteInstance(source)).rejects.toThrow(/deletion protection/i);
  });

  test('a project that the bot may not see names the role to grant', async () => {
    const elsewhere = createCloudSql({ auth: world.auth, endpoint: world.endpoint, project: 'elsewhere', guard: async () => undefined });
    await expect(elsewhere.instance(source)).rejects.toMatchObject({
      code: 'gcp.permission-denied',
      remedy: expect.stringContaining('roles/cloudsql.admin'),
    });
  });
});

describe('users', () => {
  test('a built-in user is a real role in cloudsqlsuperuser, an IAM user is not', async () => {
    await world.cloudSql.wait(
      await world.cloudSql.insertUser(destination, { name: 'bigquery', type: 'BUILT_IN', password: 'bigquery-password' }),
      world.wait,
    );
    const iam = `me-inapp@${project}.iam`;
    await world.cloudSql.wait(await world.cloudSql.insertUser(destination, { name: iam, type: 'CLOUD_IAM_SERVICE_ACCOUNT' }), world.wait);
    const users = await world.cloudSql.users(destination);
    expect(users.find((user) => user.name === 'bigquery')?.type).toBe('BUILT_IN');
    expect(users.find((user) => user.name === iam)?.type).toBe('CLOUD_IAM_SERVICE_ACCOUNT');
    expect(users.some((user) => user.name === 'cloudsqladmin')).toBe(false);
    const members = await admin(
      destination,
      `select pg_has_role('bigquery', 'cloudsqlsuperuser', 'member') as built_in, pg_has_role('${iam}', 'cloudsqlsuperuser', 'member') as iam`,
    );
    expect(members).toEqual([{ built_in: true, iam: false }]);
  });

  test('a new password for a missing user makes it: that is what the API does', async () => {
    await world.cloudSql.wait(await world.cloudSql.setPassword(source, 'late', 'late-password'), world.wait);
    const cluster = world.fleet.get(source);
    const session = {
      host: cluster?.host ?? '',
      port: cluster?.port ?? 0,
      user: 'late',
      password: 'late-password',
      database: 'postgres',
      ca: cluster?.serverCa ?? '',
    };
    expect(await withSession(session, async (client) => (await client.query('select current_user')).rows)).toEqual([
      { current_user: 'late' },
    ]);
    await world.cloudSql.wait(await world.cloudSql.deleteUser(source, 'late'), world.wait);
    expect((await world.cloudSql.users(source)).some((user) => user.name === 'late')).toBe(false);
  });

  test('a user with objects is not removed, and the refusal lists them', async () => {
    const refused = world.cloudSql.deleteUser(source, `me-inapp@${project}.iam`);
    await expect(refused).rejects.toThrow(/cannot be dropped because some objects depend on it.*object.* in database inapp/);
    await expect(refused).rejects.toBeInstanceOf(NeedsHuman);
  });
});

describe('client certificates', () => {
  test('the key is given once, opens a session under the instance’s own CA, and a name is taken once', async () => {
    const made = await world.cloudSql.insertCertificate(source, 'pgupgrade-abcdefgh');
    expect(made.privateKey).toContain('PRIVATE KEY');
    expect(made.serverCa).toBe(await world.cloudSql.serverCa(source));
    expect(await world.cloudSql.certificates(source)).toEqual([
      expect.objectContaining({ commonName: 'pgupgrade-abcdefgh', sha1Fingerprint: made.sha1Fingerprint }),
    ]);
    await expect(world.cloudSql.insertCertificate(source, 'pgupgrade-abcdefgh')).rejects.toMatchObject({
      code: expect.stringMatching(/already-exists|in-progress/),
    });
    await world.cloudSql.wait(await untilFree(() => world.cloudSql.deleteCertificate(source, made.sha1Fingerprint)), world.wait);
    expect(await world.cloudSql.certificates(source)).toEqual([]);
  });
});

describe('secrets', () => {
  test('a value is put once, read back, and destroyed', async () => {
    expect(await world.secrets.latest('new')).toBeUndefined();
    await world.secrets.put('new', 'value-one');
    await world.secrets.put('new', 'value-one');
    expect(await world.secrets.latest('new')).toBe('value-one');
    expect(world.google.state.secrets.get(`${project}/new`)?.versions).toHaveLength(1);
    await world.secrets.put('new', 'value-two');
    expect(await world.secrets.latest('new')).toBe('value-two');
    await world.secrets.destroy('new');
    await world.secrets.destroy('new');
    expect(await world.secrets.latest('new')).toBeUndefined();
    expect(JSON.stringify(world.google.log)).not.toMatch(/value-one|value-two|dmFsdWUt/);
  });
});

describe('trouble', () => {
  test('a lost answer is Transient, and what was done is found by reading', async () => {
    world.google.faults.add({ kind: 'lose-answer', method: 'users.insert' });
    await expect(world.cloudSql.insertUser(source, { name: 'lost', type: 'BUILT_IN', password: 'lost-password' })).rejects.toMatchObject({
      code: 'gcp.connection-lost',
    });
    for (const operation of await world.cloudSql.runningOperations(source)) await world.cloudSql.wait(operation.name ?? '', world.wait);
    expect((await world.cloudSql.users(source)).some((user) => user.name === 'lost')).toBe(true);
  });

  test('503 to a change is not repeated by the client', async () => {
    world.google.faults.add({ kind: 'unavailable', method: 'users.delete' });
    const before = world.google.log.length;
    await expect(world.cloudSql.deleteUser(source, 'lost')).rejects.toMatchObject({ code: 'gcp.unavailable' });
    expect(world.google.log.length - before).toBe(1);
    await world.cloudSql.wait(await world.cloudSql.deleteUser(source, 'lost'), world.wait);
  });

  test('503 to a new version of a secret is not repeated by the client', async () => {
    await world.secrets.put('once', 'first');
    world.google.faults.add({ kind: 'unavailable', method: 'secrets.addVersion' });
    await expect(world.secrets.put('once', 'second')).rejects.toMatchObject({ code: 'gcp.unavailable' });
    expect(world.google.log.filter((entry) => entry.id.endsWith('addVersion') && entry.status === 503)).toHaveLength(1);
    expect(await world.secrets.latest('once')).toBe('first');
  });

  test('an operation that ends with an error is a failure although HTTP says 200', async () => {
    world.google.faults.add({ kind: 'fail-operation', operation: 'BACKUP_VOLUME', message: 'disk is gone' });
    const operation = await world.cloudSql.insertBackup(source, 'run z');
    await expect(world.cloudSql.wait(operation, world.wait)).rejects.toMatchObject({
      code: 'gcp.operation-failed',
      message: expect.stringContaining('disk is gone'),
    });
  });

  test('without the token of the metadata server nothing is answered', async () => {
    const answer = await fetch(`${world.endpoint}/v1/projects/${project}/instances`, { headers: { authorization: 'Bearer guess' } });
    expect(answer.status).toBe(401);
  });

  test('a field that is not official is refused', async () => {
    await expect(world.cloudSql.insertUser(source, { name: 'x', passwort: 'y' } as never)).rejects.toThrow(/passwort/);
  });
});

async function untilFree<T>(call: () => Promise<T>): Promise<T> {
  for (const operation of await world.cloudSql.runningOperations(source)) await world.cloudSql.wait(operation.name ?? '', world.wait);
  return call();
}
