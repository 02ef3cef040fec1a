import { describe, expect, test } from 'vitest';
import { unfit } from '../../src/gcp/adoption.ts';
import { sufficientFlags } from '../../src/gcp/flags.ts';
import { cloneBody } from '../../src/gcp/instance-clone.ts';
import { terraformFor } from '../../src/gcp/terraform.ts';
import type { Instance, SqlFlag } from '../../src/gcp/types.ts';

const source: Instance = {
  name: 'a-pg15',
  databaseVersion: 'POSTGRES_15',
  region: 'europe-west3',
  etag: 'x',
  selfLink: 'x',
  ipAddresses: [{ type: 'PRIVATE', ipAddress: '10.0.0.3' }],
  gceZone: 'europe-west3-a',
  settings: {
    settingsVersion: '12',
    tier: 'db-custom-4-16384',
    availabilityType: 'REGIONAL',
    dataDiskSizeGb: '100',
    storageAutoResize: true,
    backupConfiguration: { enabled: true, pointInTimeRecoveryEnabled: true, startTime: '03:00' },
    ipConfiguration: { ipv4Enabled: false, privateNetwork: 'projects/p/global/networks/default', sslMode: 'ENCRYPTED_ONLY' },
    maintenanceWindow: { day: 7, hour: 3 },
    userLabels: { team: 'inapp' },
    databaseFlags: [
      { name: 'work_mem', value: '65536' },
      { name: 'old_snapshot_threshold', value: '60' },
      { name: 'max_connections', value: '999999' },
      { name: 'cloudsql.enable_pgaudit', value: 'on' },
      { name: 'max_wal_senders', value: '100' },
    ],
  },
};
const flagsOfTarget: SqlFlag[] = [
  { name: 'work_mem', type: 'INTEGER', appliesTo: ['POSTGRES_15', 'POSTGRES_17'], minValue: '64', maxValue: '2147483647' },
  { name: 'old_snapshot_threshold', type: 'INTEGER', appliesTo: ['POSTGRES_15'] },
  { name: 'max_connections', type: 'INTEGER', minValue: '14', maxValue: '262143' },
  { name: 'max_wal_senders', type: 'INTEGER', minValue: '10', maxValue: '2000' },
  { name: 'cloudsql.enable_pgaudit', type: 'BOOLEAN' },
];
const clone = () => cloneBody(source, { name: 'a-pg17', version: 17, flagsOfTarget, databases: 2, labels: { 'managed-by': 'pgupgrade' } });

describe('the body of the new instance', () => {
  test('carries the configuration and nothing that belongs to the old instance alone', () => {
    const { body } = clone();
    expect(body).toMatchObject({ name: 'a-pg17', databaseVersion: 'POSTGRES_17', region: 'europe-west3' });
    expect(body.settings).toMatchObject({
      tier: 'db-custom-4-16384',
      maintenanceWindow: { day: 7, hour: 3 },
      ipConfiguration: { sslMode: 'ENCRYPTED_ONLY' },
    });
    expect(body.settings).not.toHaveProperty('settingsVersion');
    expect(Object.keys(body).sort()).toEqual(['databaseVersion', 'name', 'region', 'settings']);
  });

  test('has no high availability, backups and point-in-time recovery, because the demotion refuses them', () => {
    expect(clone().body.settings).toMatchObject({
      availabilityType: 'ZONAL',
      backupConfiguration: { enabled: false, pointInTimeRecoveryEnabled: false },
    });
    expect(clone().differences).toContainEqual(
      expect.objectContaining({ field: 'settings.availabilityType', kind: 'changed', from: 'REGIONAL', to: 'ZONAL' }),
    );
  });

  test('drops flags that the version lacks, that are out of range and that break the migration, each with its reason', () => {
    const dropped = clone().differences.filter((line) => line.kind === 'dropped');
    expect(dropped.map((line) => line.field)).toEqual([
      'databaseFlags.old_snapshot_threshold',
      'databaseFlags.max_connections',
      'databaseFlags.cloudsql.enable_pgaudit',
    ]);
    expect(dropped.every((line) => line.why.length > 0)).toBe(true);
  });

  test('turns on what the migration needs and keeps what is large enough', () => {
    const flags = Object.fromEntries((clone().body.settings?.databaseFlags ?? []).map(({ name, value }) => [name, value]));
    expect(flags).toEqual({
      work_mem: '65536',
      'cloudsql.enable_pglogical': 'on',
      'cloudsql.iam_authentication': 'on',
      'cloudsql.logical_decoding': 'on',
      max_replication_slots: '30',
      max_wal_senders: '100',
      max_worker_processes: '44',
    });
  });

  test('every field of the body has a line among the differences', () => {
    const { body, differences } = clone();
    const fields = differences.map((line) => line.field);
    for (const field of Object.keys(body.settings ?? {})) expect(fields.some((line) => line.includes(field))).toBe(true);
  });
});

describe('an instance that exists', () => {
  test('fits as it was cloned', () => {
    expect(unfit(clone().body)).toEqual([]);
  });

  test('is changed where the demotion would refuse it, and keeps its other flags', () => {
    const changes = unfit(source);
    expect(changes.map((change) => change.field)).toEqual([
      'settings.availabilityType',
      'settings.backupConfiguration.enabled',
      'settings.backupConfiguration.pointInTimeRecoveryEnabled',
      'databaseFlags.cloudsql.enable_pglogical',
      'databaseFlags.cloudsql.iam_authentication',
      'databaseFlags.cloudsql.logical_decoding',
      'databaseFlags.max_replication_slots',
      'databaseFlags.max_worker_processes',
    ]);
    const patch = Object.assign({}, ...changes.map((change) => change.patch)) as NonNullable<Instance['settings']>;
    expect(patch.availabilityType).toBe('ZONAL');
    expect(patch.databaseFlags).toContainEqual({ name: 'work_mem', value: '65536' });
    expect(patch.databaseFlags).toContainEqual({ name: 'max_wal_senders', value: '100' });
  });
});

test('sufficient flags: nothing to raise where everything is large enough', () => {
  expect(
    sufficientFlags({ databases: 2, usedSlots: 0 }, { max_replication_slots: 50, max_wal_senders: 50, max_worker_processes: 64 }),
  ).toEqual({});
  expect(sufficientFlags({ databases: 3, usedSlots: 4 }, { max_replication_slots: 50 })).toEqual({
    max_wal_senders: '50',
    max_worker_processes: '64',
  });
});

test('Terraform: import, resource and removed blocks, formatted as terraform fmt does', () => {
  const text = terraformFor({ ...source, name: 'a-pg17', databaseVersion: 'POSTGRES_17' }, source, { project: 'p' });
  expect(text).toContain(`import {
  id = "projects/p/instances/a-pg17"
  to = google_sql_database_instance.a_pg17
}
`);
  expect(text).toContain(`resource "google_sql_database_instance" "a_pg17" {
  name                = "a-pg17"
  project             = "p"
  region              = "europe-west3"
  database_version    = "POSTGRES_17"
  deletion_protection = true

  settings {
    tier              = "db-custom-4-16384"
    availability_type = "REGIONAL"
    disk_autoresize   = true

    user_labels = {
      team = "inapp"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "03:00"
      point_in_time_recovery_enabled = true
    }
`);
  expect(
    text.endsWith(`removed {
  from = google_sql_database_instance.a_pg15

  lifecycle {
    destroy = false
  }
}
`),
  ).toBe(true);
});
