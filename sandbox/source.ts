import { randomBytes } from 'node:crypto';
import type { GoogleStandIn } from './google/google.ts';
import type { Settings } from './google/state.ts';
import { prepareSource } from './seed/prepare-source.ts';
import type { SeedableFleet } from './servers/fleet.ts';
import type { Cluster } from './types.ts';
import type { Environment } from './workloads.ts';

/** What the team's instance is set to before anybody upgrades it. */
const flags = { log_min_duration_statement: '5000', random_page_cost: '1.1' };
const settings: Settings = {
  tier: 'db-custom-2-7680',
  edition: 'ENTERPRISE',
  availabilityType: 'REGIONAL',
  activationPolicy: 'ALWAYS',
  dataDiskType: 'PD_SSD',
  dataDiskSizeGb: '20',
  storageAutoResize: true,
  deletionProtectionEnabled: true,
  userLabels: { team: 'inapp', 'managed-by': 'terraform' },
  maintenanceWindow: { day: 7, hour: 3, updateTrack: 'stable' },
  backupConfiguration: {
    enabled: true,
    startTime: '02:00',
    location: 'eu',
    pointInTimeRecoveryEnabled: true,
    transactionLogRetentionDays: 7,
    backupRetentionSettings: { retainedBackups: 14, retentionUnit: 'COUNT' },
  },
  insightsConfig: { queryInsightsEnabled: true, queryStringLength: 1024 },
};

/** The seeded instance of one environment as Google knows it, and its secrets. */
export async function openSource(
  fleet: SeedableFleet,
  google: GoogleStandIn,
  { name: environment, project, region }: Environment,
  options: { readonly scale: number; readonly databaseOwner?: 'application' | 'cloudsqlsuperuser' },
): Promise<Cluster> {
  const name = `me-inapp-${environment}-pg15`;
  const [rootPassword, bigqueryPassword] = [randomBytes(18).toString('base64url'), randomBytes(18).toString('base64url')];
  const cluster = await prepareSource(fleet, {
    name,
    project,
    scale: options.scale,
    flags,
    rootPassword,
    bigqueryPassword,
    ...(options.databaseOwner ? { databaseOwner: options.databaseOwner } : {}),
  });
  google.adopt({
    project,
    name,
    region,
    settings: {
      ...settings,
      databaseFlags: Object.entries(flags).map(([flag, value]) => ({ name: flag, value })),
      ipConfiguration: { ipv4Enabled: false, privateNetwork: `projects/${project}/global/networks/default`, sslMode: 'ENCRYPTED_ONLY' },
    },
  });
  google.putSecret(project, 'database-password-inapp-postgres', rootPassword);
  google.putSecret(project, 'database-password-inapp-bigquery', bigqueryPassword);
  return cluster;
}
