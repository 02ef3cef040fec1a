import type { Target } from '../config/schema.ts';
import { withValues } from './settings.ts';
import type { Workloads } from './types.ts';

export interface TypeSetting {
  readonly workload: string;
  readonly setting: string;
  readonly from: string | undefined;
  /** The old OIDs stay for a rollback. */
  readonly to: string;
  readonly byHand: boolean;
}

/** The settings that must hold the OIDs of both sides; by hand where the driver is. `oids`: type → both sides' array OIDs, old first. */
export async function typeSettings(
  workloads: Workloads,
  customTypes: Target['customTypes'],
  oids: ReadonlyMap<string, readonly string[]>,
): Promise<readonly TypeSetting[]> {
  const settings: TypeSetting[] = [];
  for (const [type, { setting, workloads: names }] of Object.entries(customTypes))
    for (const workload of names) {
      const seen = await workloads.wanted(workload);
      const from = seen?.settings[setting];
      const to = withValues(from, oids.get(type) ?? []);
      if (!seen || from !== to) settings.push({ workload, setting, from, to, byHand: seen === undefined });
    }
  return settings;
}
