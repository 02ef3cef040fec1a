import { type Block, type HclValue, hcl } from './hcl.ts';
import type { Instance, InstanceSettings } from './types.ts';

/**
 * Terraform for the new instance (`import` block and resource with its real settings) and a `removed` block for the old
 * one, which stays alive until it is retired. Formatted as `terraform fmt` does. Provider hashicorp/google, Terraform ≥ 1.7.
 */
export function terraformFor(instance: Instance, oldInstance: Instance, { project }: { readonly project: string }): string {
  const name = instance.name ?? '';
  return hcl([
    {
      type: 'import',
      attributes: {
        id: `projects/${project}/instances/${name}`,
        to: { reference: `google_sql_database_instance.${identifier(name)}` },
      },
    },
    resource(instance, project),
    {
      type: 'removed',
      attributes: { from: { reference: `google_sql_database_instance.${identifier(oldInstance.name ?? '')}` } },
      blocks: [{ type: 'lifecycle', attributes: { destroy: false } }],
    },
  ]);
}

function resource(instance: Instance, project: string): Block {
  const kms = instance.diskEncryptionConfiguration?.kmsKeyName;
  return {
    type: 'resource',
    labels: ['google_sql_database_instance', identifier(instance.name ?? '')],
    attributes: {
      name: instance.name ?? '',
      project,
      region: some(instance.region),
      database_version: some(instance.databaseVersion),
      encryption_key_name: some(kms),
      deletion_protection: true,
    },
    blocks: [settingsBlock(instance.settings ?? {})],
  };
}

function settingsBlock(settings: InstanceSettings): Block {
  const ip = settings.ipConfiguration ?? {};
  const backup = settings.backupConfiguration ?? {};
  const labels = Object.entries(settings.userLabels ?? {}).sort(([a], [b]) => a.localeCompare(b));
  const flags = [...(settings.databaseFlags ?? [])].sort((a, b) => (a.name ?? '').localeCompare(b.name ?? ''));
  return {
    type: 'settings',
    attributes: {
      tier: some(settings.tier),
      edition: some(settings.edition),
      availability_type: some(settings.availabilityType),
      activation_policy: some(settings.activationPolicy),
      pricing_plan: some(settings.pricingPlan),
      connector_enforcement: some(settings.connectorEnforcement),
      deletion_protection_enabled: some(settings.deletionProtectionEnabled),
      disk_autoresize: some(settings.storageAutoResize),
      disk_autoresize_limit: number(settings.storageAutoResizeLimit),
      // The disk grows by itself where autoresize is on: a size here would be a difference at every plan.
      disk_size: settings.storageAutoResize ? undefined : number(settings.dataDiskSizeGb),
      disk_type: some(settings.dataDiskType),
      retain_backups_on_delete: some(settings.retainBackupsOnDelete),
      user_labels: labels.length > 0 ? Object.fromEntries(labels) : undefined,
    },
    blocks: [
      block(
        'backup_configuration',
        {
          enabled: some(backup.enabled),
          start_time: some(backup.startTime),
          location: some(backup.location),
          point_in_time_recovery_enabled: some(backup.pointInTimeRecoveryEnabled),
          transaction_log_retention_days: number(backup.transactionLogRetentionDays),
        },
        backup.backupRetentionSettings
          ? [
              block('backup_retention_settings', {
                retained_backups: number(backup.backupRetentionSettings.retainedBackups),
                retention_unit: some(backup.backupRetentionSettings.retentionUnit),
              }),
            ]
          : [],
      ),
      ...flags.map((flag) => block('database_flags', { name: flag.name ?? '', value: flag.value ?? '' })),
      ...(settings.denyMaintenancePeriods ?? []).map((period) =>
        block('deny_maintenance_period', { start_date: some(period.startDate), end_date: some(period.endDate), time: some(period.time) }),
      ),
      ...optional('insights_config', {
        query_insights_enabled: some(settings.insightsConfig?.queryInsightsEnabled),
        query_plans_per_minute: number(settings.insightsConfig?.queryPlansPerMinute),
        query_string_length: number(settings.insightsConfig?.queryStringLength),
        record_application_tags: some(settings.insightsConfig?.recordApplicationTags),
        record_client_address: some(settings.insightsConfig?.recordClientAddress),
      }),
      block(
        'ip_configuration',
        {
          ipv4_enabled: some(ip.ipv4Enabled),
          private_network: some(ip.privateNetwork),
          allocated_ip_range: some(ip.allocatedIpRange),
          ssl_mode: some(ip.sslMode),
          enable_private_path_for_google_cloud_services: some(ip.enablePrivatePathForGoogleCloudServices),
          server_ca_mode: some(ip.serverCaMode),
        },
        (ip.authorizedNetworks ?? []).map((network) =>
          block('authorized_networks', { name: some(network.name), value: some(network.value) }),
        ),
      ),
      ...optional('location_preference', { zone: some(settings.locationPreference?.zone) }),
      ...optional('maintenance_window', {
        day: number(settings.maintenanceWindow?.day),
        hour: number(settings.maintenanceWindow?.hour),
        update_track: some(settings.maintenanceWindow?.updateTrack),
      }),
    ],
  };
}

function block(type: string, attributes: Readonly<Record<string, HclValue | undefined>>, blocks: readonly Block[] = []): Block {
  return { type, attributes, blocks };
}

function optional(type: string, attributes: Readonly<Record<string, HclValue | undefined>>): readonly Block[] {
  return Object.values(attributes).some((value) => value !== undefined) ? [block(type, attributes)] : [];
}

function identifier(name: string): string {
  return name.replace(/[^A-Za-z0-9_]/g, '_');
}

function some<T extends HclValue>(value: T | null | undefined): T | undefined {
  return value ?? undefined;
}
function number(value: string | number | null | undefined): number | undefined {
  return value === null || value === undefined || value === '' ? undefined : Number(value);
}
