import type { Settings } from './state.ts';

/** What a service's instance looks like before anybody thinks of an upgrade: high availability, backups, flags, labels. */
export function sourceSettings({ project, environment }: { readonly project: string; readonly environment: string }): Settings {
  return {
    tier: 'db-custom-4-16384',
    edition: 'ENTERPRISE',
    availabilityType: 'REGIONAL',
    dataDiskType: 'PD_SSD',
    dataDiskSizeGb: '100',
    storageAutoResize: true,
    storageAutoResizeLimit: '500',
    deletionProtectionEnabled: true,
    connectorEnforcement: 'NOT_REQUIRED',
    backupConfiguration: {
      kind: 'sql#backupConfiguration',
      enabled: true,
      startTime: '02:00',
      location: 'eu',
      pointInTimeRecoveryEnabled: true,
      transactionLogRetentionDays: 7,
      backupRetentionSettings: { retentionUnit: 'COUNT', retainedBackups: 14 },
    },
    ipConfiguration: {
      ipv4Enabled: false,
      privateNetwork: `projects/${project}/global/networks/default`,
      sslMode: 'ENCRYPTED_ONLY',
      enablePrivatePathForGoogleCloudServices: true,
    },
    maintenanceWindow: { kind: 'sql#maintenanceWindow', day: 2, hour: 4, updateTrack: 'stable' },
    insightsConfig: { queryInsightsEnabled: true, queryStringLength: 1024, recordApplicationTags: false, recordClientAddress: false },
    userLabels: { team: 'mobile-engage', service: 'inapp', environment },
    databaseFlags: [
      { name: 'cloudsql.iam_authentication', value: 'on' },
      { name: 'log_min_duration_statement', value: '1000' },
      { name: 'max_connections', value: '200' },
      { name: 'old_snapshot_threshold', value: '60' },
      { name: 'work_mem', value: '8192' },
    ],
  };
}
