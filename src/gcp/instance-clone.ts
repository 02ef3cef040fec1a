import { type FlagValues, flagValues, neededFlags, sizeFlags, sufficientFlags, whyUnfit } from './flags.ts';
import type { Instance, InstanceSettings, SqlFlag } from './types.ts';

/** One line of what the new instance has in common with the old one, and what not. */
export interface Difference {
  /** `settings.availabilityType`, `databaseFlags.work_mem` */
  readonly field: string;
  readonly kind: 'copied' | 'changed' | 'dropped';
  readonly from: string;
  readonly to: string;
  readonly why: string;
}

export interface CloneRequest {
  readonly name: string;
  /** Major version, e.g. 17. */
  readonly version: number;
  /** `flags.list` of the target version. */
  readonly flagsOfTarget: readonly SqlFlag[];
  /** Databases that the migration takes, `postgres` included; two where nothing is said. */
  readonly databases?: number;
  /** `projects/P/global/networks/N`; absent: the source's. */
  readonly network?: string;
  /** Added to the source's labels. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What Google decides itself for each instance, or what belongs to the old one alone. */
const copiedSettings = [
  'tier',
  'edition',
  'activationPolicy',
  'advancedMachineFeatures',
  'collation',
  'connectionPoolConfig',
  'connectorEnforcement',
  'dataCacheConfig',
  'dataDiskProvisionedIops',
  'dataDiskProvisionedThroughput',
  'dataDiskSizeGb',
  'dataDiskType',
  'deletionProtectionEnabled',
  'denyMaintenancePeriods',
  'enableDataplexIntegration',
  'enableGoogleMlIntegration',
  'finalBackupConfig',
  'insightsConfig',
  'maintenanceWindow',
  'passwordValidationPolicy',
  'pricingPlan',
  'retainBackupsOnDelete',
  'storageAutoResize',
  'storageAutoResizeLimit',
  'timeZone',
] as const satisfies readonly (keyof InstanceSettings)[];

/**
 * The body of `instances.insert` for an instance of another version with the configuration of `source`
 * (`instances.get`), and every difference. Which fields are copied: Cloud SQL Admin v1, see `copiedSettings`.
 */
export function cloneBody(
  source: Instance,
  request: CloneRequest,
): { readonly body: Instance; readonly differences: readonly Difference[] } {
  const differences: Difference[] = [];
  const databaseVersion = `POSTGRES_${request.version}`;
  const old = source.settings ?? {};
  const copy = (field: string, value: unknown) => {
    if (value !== undefined && value !== null) differences.push({ field, kind: 'copied', from: shown(value), to: shown(value), why: '' });
  };
  const changed = (field: string, from: unknown, to: unknown, why: string) => {
    if (shown(from) === shown(to)) copy(field, to);
    else differences.push({ field, kind: 'changed', from: shown(from), to: shown(to), why });
  };

  changed('name', source.name, request.name, 'the new instance');
  changed('databaseVersion', source.databaseVersion, databaseVersion, 'the upgrade');
  copy('region', source.region);
  const settings: InstanceSettings = {};
  for (const field of copiedSettings) {
    const value = old[field];
    if (value === undefined || value === null) continue;
    Object.assign(settings, { [field]: value });
    copy(`settings.${field}`, value);
  }
  settings.availabilityType = 'ZONAL';
  changed(
    'settings.availabilityType',
    old.availabilityType,
    'ZONAL',
    'the demotion refuses high availability; restored after the promotion',
  );
  settings.backupConfiguration = { enabled: false, pointInTimeRecoveryEnabled: false };
  changed(
    'settings.backupConfiguration.enabled',
    old.backupConfiguration?.enabled ?? false,
    false,
    'the demotion refuses backups; restored after the promotion',
  );
  changed(
    'settings.backupConfiguration.pointInTimeRecoveryEnabled',
    old.backupConfiguration?.pointInTimeRecoveryEnabled ?? false,
    false,
    'the demotion refuses point-in-time recovery; restored after the promotion',
  );
  const zone = old.locationPreference?.zone;
  if (zone) {
    settings.locationPreference = { zone };
    copy('settings.locationPreference.zone', zone);
  }
  settings.ipConfiguration = {
    ...old.ipConfiguration,
    ...(request.network === undefined ? {} : { privateNetwork: request.network }),
  };
  for (const [field, value] of Object.entries(settings.ipConfiguration))
    changed(
      `settings.ipConfiguration.${field}`,
      old.ipConfiguration?.[field as 'privateNetwork'],
      value,
      'the network of the service file',
    );
  settings.userLabels = { ...old.userLabels, ...request.labels };
  for (const [label, value] of Object.entries(settings.userLabels))
    changed(`settings.userLabels.${label}`, old.userLabels?.[label], value, 'says that the bot made it');
  const flags = cloneFlags(flagValues(old.databaseFlags), request, databaseVersion, differences);
  settings.databaseFlags = Object.entries(flags).map(([name, value]) => ({ name, value }));
  copy('diskEncryptionConfiguration.kmsKeyName', source.diskEncryptionConfiguration?.kmsKeyName);

  const kmsKeyName = source.diskEncryptionConfiguration?.kmsKeyName;
  return {
    body: {
      name: request.name,
      databaseVersion,
      ...(source.region ? { region: source.region } : {}),
      ...(kmsKeyName ? { diskEncryptionConfiguration: { kmsKeyName } } : {}),
      settings,
    },
    differences,
  };
}

function cloneFlags(old: FlagValues, request: CloneRequest, databaseVersion: string, differences: Difference[]): FlagValues {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(old)) {
    const why = /pgaudit|pg_cron/.test(name)
      ? 'breaks the migration (the extension is not migrated)'
      : whyUnfit(name, value, request.flagsOfTarget, databaseVersion);
    if (why !== undefined) differences.push({ field: `databaseFlags.${name}`, kind: 'dropped', from: value, to: '', why });
    else kept[name] = value;
  }
  const sizes = sufficientFlags(
    { databases: request.databases ?? 2, usedSlots: 0 },
    Object.fromEntries(sizeFlags.map((name) => [name, Number(kept[name] ?? 0)])),
  );
  const wanted = { ...kept, ...neededFlags, ...sizes };
  for (const [name, value] of Object.entries(wanted)) {
    const from = kept[name];
    if (from === value) differences.push({ field: `databaseFlags.${name}`, kind: 'copied', from: value, to: value, why: '' });
    else differences.push({ field: `databaseFlags.${name}`, kind: 'changed', from: from ?? '', to: value, why: 'needed by the migration' });
  }
  return wanted;
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
