import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { discoveryDocs, hasDiscovery, unofficial } from '../support/discovery.ts';
import { destination, type GoogleWorld, location, openGoogleWorld, project, source } from '../support/google-world.ts';

/** What the stand-in says is replayed against Google's full discovery documents; its own compact list could be wrong with it. */
describe.skipIf(!hasDiscovery)('against the full official schemas', () => {
  let world: GoogleWorld;
  beforeAll(async () => {
    world = await openGoogleWorld();
  });
  afterAll(async () => {
    await world.close();
  });

  test('every recorded request and answer is official', async () => {
    const { cloudSql, dataMigration, secrets, wait } = world;
    const old = await cloudSql.instance(source);
    await cloudSql.flags('POSTGRES_17');
    const settings = { tier: 'db-custom-1-3840', databaseFlags: [{ name: 'cloudsql.enable_pglogical', value: 'on' }] };
    await cloudSql.wait(
      await cloudSql.insertInstance({ name: destination, databaseVersion: 'POSTGRES_17', region: old?.region ?? '', settings }),
      wait,
    );
    await cloudSql.wait(await cloudSql.patchInstance(destination, { settings: { userLabels: { run: 'x' } } }), wait);
    await cloudSql.wait(await cloudSql.insertUser(source, { name: 'migration', password: 'migration-password' }), wait);
    await cloudSql.users(source);
    await cloudSql.wait(await cloudSql.insertBackup(source, 'x'), wait);
    await cloudSql.backups(source);
    const certificate = await cloudSql.insertCertificate(source, 'pgupgrade-x');
    await cloudSql.certificates(source);
    await cloudSql.serverCa(source);
    await secrets.put('s', 'value');
    await secrets.destroy('s');
    const { host, port } = world.fleet.get(source) ?? { host: '', port: 0 };
    const ssl = {
      type: 'SERVER_CLIENT',
      caCertificate: certificate.serverCa,
      clientCertificate: certificate.certificate,
      clientKey: certificate.privateKey,
    };
    const profile = {
      provider: 'CLOUDSQL',
      role: 'SOURCE',
      postgresql: { cloudSqlId: source, host, port, username: 'migration', password: 'migration-password', ssl },
    };
    await dataMigration.wait(await dataMigration.createConnectionProfile('a', profile, 'r1'), wait);
    await dataMigration.wait(
      await dataMigration.createConnectionProfile('b', { role: 'DESTINATION', postgresql: { cloudSqlId: destination } }, 'r2'),
      wait,
    );
    const body = {
      type: 'CONTINUOUS',
      source: `${location}/connectionProfiles/a`,
      destination: `${location}/connectionProfiles/b`,
      vpcPeeringConnectivity: { vpc: `projects/${project}/global/networks/default` },
    };
    await dataMigration.wait(await dataMigration.createJob('j', body, 'r3'), wait);
    await dataMigration.wait(await dataMigration.verify('j'), wait);
    await dataMigration.wait(await dataMigration.demoteDestination('j'), wait);
    await expect(dataMigration.promote('j')).rejects.toThrow();
    await dataMigration.objects('j');
    await dataMigration.runningOperations('j');
    await dataMigration.wait(await dataMigration.deleteJob('j'), wait);
    await dataMigration.connectionProfile('a');

    expect(unofficial(world.google.log)).toEqual([]);
    expect(new Set(world.google.log.map((entry) => entry.id)).size).toBeGreaterThan(25);
  });
});

test.skipIf(!hasDiscovery)('schema.json is what the generator makes of the discovery documents', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'pgupgrade-schema-'));
  try {
    const made = join(scratch, 'schema.json');
    execFileSync('node', ['scripts/make-google-schema.mjs', discoveryDocs, made]);
    expect(readFileSync(made, 'utf8')).toBe(readFileSync('sandbox/google/schema.json', 'utf8'));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
