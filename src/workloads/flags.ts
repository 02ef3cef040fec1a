import type { Target } from '../config/schema.ts';
import type { Workloads } from './types.ts';

type Flags = Target['flags'];
/** Flag → workload → its value before; null: it had none. */
export type FlagsBefore = Readonly<Record<string, Readonly<Record<string, string | null>>>>;

/** What the bot would set, as plan lines. */
export async function flagChanges(workloads: Workloads, flags: Flags, when: 'during' | 'afterwards'): Promise<readonly string[]> {
  const changes: string[] = [];
  for (const [flag, settings] of driven(flags))
    for (const workload of settings.workloads) {
      const now = (await workloads.wanted(workload))?.settings[flag];
      if (now !== settings[when]) changes.push(`${workload}: ${flag} ${now ?? 'unset'} → ${settings[when]}`);
    }
  return changes;
}

/** What people set by hand, word for word. */
export function flagTasks(flags: Flags, when: 'during' | 'afterwards' | 'before'): readonly string[] {
  return Object.entries(flags)
    .filter(([, { driver }]) => driver === 'manual')
    .map(([flag, settings]) => (when === 'before' ? `set ${flag} back to what it was` : `set ${flag} to ${settings[when]}`));
}

/** Sets them; `record` is called with the values before, which an earlier attempt may have recorded already. */
export async function setFlags(
  workloads: Workloads,
  flags: Flags,
  when: 'during' | 'afterwards',
  before: FlagsBefore | undefined,
  record: (before: FlagsBefore) => Promise<void>,
): Promise<void> {
  const known: Record<string, Record<string, string | null>> = {};
  for (const [flag, settings] of driven(flags))
    for (const workload of settings.workloads) {
      const now = (await workloads.wanted(workload))?.settings[flag] ?? null;
      known[flag] = { ...known[flag], [workload]: before?.[flag]?.[workload] ?? now };
    }
  if (Object.keys(known).length > 0 && !before) await record(known);
  for (const [flag, settings] of driven(flags))
    for (const workload of settings.workloads)
      if ((await workloads.wanted(workload))?.settings[flag] !== settings[when]) await workloads.set(workload, { [flag]: settings[when] });
}

export async function unsetFlags(workloads: Workloads, flags: Flags, before: FlagsBefore): Promise<void> {
  for (const [flag] of driven(flags))
    for (const [workload, value] of Object.entries(before[flag] ?? {})) await workloads.set(workload, { [flag]: value });
}

function driven(flags: Flags) {
  return Object.entries(flags).filter(([, { driver }]) => driver !== 'manual');
}
