import type { Target } from '../config/schema.ts';
import { type Replacement, replaced, shownSetting } from './settings.ts';
import type { Workloads } from './types.ts';

/** How applications name an instance: by its connection name or by one of its addresses. */
export interface InstanceNames {
  readonly connectionName: string;
  /** By type: PRIVATE, PRIMARY. */
  readonly addresses: Readonly<Record<string, string>>;
}
/** One workload's setting that names the old instance. */
export interface ConnectionChange {
  readonly name: string;
  readonly setting: string;
  /** As people may read it. `undefined`: the bot does not see the value (driver manual, or it comes from a secret). */
  readonly shown: { readonly from: string; readonly to: string } | undefined;
  /** The value to set; may hold a password, so it is never recorded. */
  readonly value: string | undefined;
}

export function replacementsOf(old: InstanceNames, fresh: InstanceNames): readonly Replacement[] {
  const addresses = Object.entries(old.addresses).flatMap(([type, from]) =>
    fresh.addresses[type] === undefined ? [] : [{ from, to: fresh.addresses[type] }],
  );
  return [{ from: old.connectionName, to: fresh.connectionName }, ...addresses];
}

/** What still names the old instance, of every workload of the service file. */
export async function connectionChanges(
  workloads: Workloads,
  all: Target['workloads'],
  replacements: readonly Replacement[],
): Promise<readonly ConnectionChange[]> {
  const changes: ConnectionChange[] = [];
  const looks = await Promise.all(
    Object.entries(all).map(async ([name, { connection }]) => ({ name, setting: connection, seen: await workloads.wanted(name) })),
  );
  for (const { name, setting, seen } of looks) {
    const value = seen?.settings[setting];
    if (value === undefined) {
      changes.push({ name, setting, shown: undefined, value: undefined });
      continue;
    }
    const next = replaced(value, replacements);
    if (next !== undefined) changes.push({ name, setting, shown: { from: shownSetting(value), to: shownSetting(next) }, value: next });
  }
  return changes;
}

/** Sets those whose value the bot sees, side by side. */
export async function makeChanges(workloads: Workloads, changes: readonly ConnectionChange[]): Promise<void> {
  await Promise.all(changes.map(async ({ name, setting, value }) => value !== undefined && workloads.set(name, { [setting]: value })));
}

/** `inapp-web PG_INSTANCE_CONNECTION_NAME: old → new`; where the value is unseen, the words to look for. */
export function changeText({ name, setting, shown }: ConnectionChange, replacements: readonly Replacement[]): string {
  if (shown) return `${name} ${setting}: ${shown.from} → ${shown.to}`;
  return `${name} ${setting}: replace ${replacements.map(({ from, to }) => `${from} by ${to}`).join(', or ')}`;
}
