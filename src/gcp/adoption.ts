import { flagValues } from './flags.ts';
import type { Instance, InstanceSettings } from './types.ts';

/** What has to change on an instance that exists already before it can be the destination. */
export interface Adoption {
  readonly field: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
}
const neededFlags = ['cloudsql.enable_pglogical', 'cloudsql.iam_authentication', 'cloudsql.logical_decoding'];

/** Empty: the instance fits. The patch sends the flags complete, because the API replaces arrays whole. */
export function adoption(instance: Instance): { readonly changes: readonly Adoption[]; readonly patch: InstanceSettings } {
  const settings = instance.settings ?? {};
  const backups = settings.backupConfiguration ?? {};
  const flags = flagValues(settings.databaseFlags);
  const missing = neededFlags.filter((flag) => flags[flag] !== 'on');
  const changes: Adoption[] = [];
  if (settings.availabilityType === 'REGIONAL')
    changes.push({
      field: 'availabilityType',
      from: 'REGIONAL',
      to: 'ZONAL',
      why: 'the demotion refuses high availability; restored after the promotion',
    });
  if (backups.enabled)
    changes.push({
      field: 'backupConfiguration.enabled',
      from: 'true',
      to: 'false',
      why: 'the demotion refuses backups; restored after the promotion',
    });
  if (backups.pointInTimeRecoveryEnabled)
    changes.push({
      field: 'backupConfiguration.pointInTimeRecoveryEnabled',
      from: 'true',
      to: 'false',
      why: 'the demotion refuses point-in-time recovery; restored after the promotion',
    });
  for (const flag of missing)
    changes.push({ field: `databaseFlags.${flag}`, from: flags[flag] ?? '', to: 'on', why: 'needed by the migration' });
  return {
    changes,
    patch: {
      ...(settings.availabilityType === 'REGIONAL' ? { availabilityType: 'ZONAL' } : {}),
      ...(backups.enabled || backups.pointInTimeRecoveryEnabled
        ? { backupConfiguration: { enabled: false, pointInTimeRecoveryEnabled: false } }
        : {}),
      ...(missing.length > 0
        ? {
            databaseFlags: Object.entries({ ...flags, ...Object.fromEntries(missing.map((flag) => [flag, 'on'])) }).map(
              ([name, value]) => ({ name, value }),
            ),
          }
        : {}),
    },
  };
}
