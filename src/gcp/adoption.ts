import { flagValues, neededFlags, sizeFlags, sufficientFlags } from './flags.ts';
import type { Instance, InstanceSettings } from './types.ts';

/** What must change on an instance that exists before it can be the destination. */
export interface Adoption {
  readonly field: string;
  readonly from: string;
  readonly to: string;
  readonly why: string;
  /** Part of the settings to send; parts of several adoptions can be merged shallowly. */
  readonly patch: InstanceSettings;
}

/** What keeps `existing` from being demoted and copied to; empty: it fits. `databases`: those of the source, `postgres` included. */
export function unfit(existing: Instance, databases = 2): readonly Adoption[] {
  const settings = existing.settings ?? {};
  const backups = settings.backupConfiguration ?? {};
  const off = { backupConfiguration: { ...backups, enabled: false, pointInTimeRecoveryEnabled: false } };
  const all: Adoption[] = [];
  if (settings.availabilityType === 'REGIONAL')
    all.push({
      field: 'settings.availabilityType',
      from: 'REGIONAL',
      to: 'ZONAL',
      why: 'the demotion refuses high availability; restored after the promotion',
      patch: { availabilityType: 'ZONAL' },
    });
  if (backups.enabled)
    all.push({
      field: 'settings.backupConfiguration.enabled',
      from: 'true',
      to: 'false',
      why: 'the demotion refuses backups; restored after the promotion',
      patch: off,
    });
  if (backups.pointInTimeRecoveryEnabled)
    all.push({
      field: 'settings.backupConfiguration.pointInTimeRecoveryEnabled',
      from: 'true',
      to: 'false',
      why: 'the demotion refuses point-in-time recovery; restored after the promotion',
      patch: off,
    });
  const flags = flagValues(settings.databaseFlags);
  const sizes = sufficientFlags({ databases, usedSlots: 0 }, Object.fromEntries(sizeFlags.map((name) => [name, Number(flags[name] ?? 0)])));
  const wanted = { ...neededFlags, ...sizes };
  // The array is replaced whole by the API: every part carries all of it.
  const databaseFlags = Object.entries({ ...flags, ...wanted }).map(([name, value]) => ({ name, value }));
  for (const [name, value] of Object.entries(wanted))
    if (flags[name] !== value)
      all.push({
        field: `databaseFlags.${name}`,
        from: flags[name] ?? '',
        to: value,
        why: 'needed by the migration',
        patch: { databaseFlags },
      });
  return all;
}
