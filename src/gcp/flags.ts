import type { SqlFlag } from './types.ts';

export type FlagValues = Readonly<Record<string, string>>;

/** What a copy with parallelism MAX needs of an instance. */
export interface CopySize {
  /** Databases that the migration takes, `postgres` included. */
  readonly databases: number;
  /** Slots that others hold on the instance. */
  readonly usedSlots: number;
}

/** Under MAX the service makes several subscriptions a database; Google publishes no number, ten is what was seen as the upper end. */
const subscriptionsPerDatabase = 10;

/**
 * The smallest `max_replication_slots`, `max_wal_senders` and `max_worker_processes` that carry the copy, where `current`
 * (what `show` says) is below; empty if all are large enough. All three restart the instance: send them in one patch.
 */
export function sufficientFlags(size: CopySize, current: Readonly<Record<string, number>>): FlagValues {
  const slots = Math.ceil((size.databases * subscriptionsPerDatabase + size.usedSlots + 10) / 10) * 10;
  const needed = { max_replication_slots: slots, max_wal_senders: slots, max_worker_processes: slots + 14 };
  return Object.fromEntries(
    Object.entries(needed)
      .filter(([name, value]) => (current[name] ?? 0) < value)
      .map(([name, value]) => [name, String(value)]),
  );
}

/** What the migration needs on both instances; iam_authentication lets the applications' IAM users in. */
export const neededFlags: FlagValues = {
  'cloudsql.enable_pglogical': 'on',
  'cloudsql.iam_authentication': 'on',
  'cloudsql.logical_decoding': 'on',
};
export const sizeFlags = ['max_replication_slots', 'max_wal_senders', 'max_worker_processes'];

/** Why a flag cannot be taken over to the version whose `flags` these are, or `undefined` if it can. */
export function whyUnfit(name: string, value: string, flags: readonly SqlFlag[], databaseVersion: string): string | undefined {
  const flag = flags.find((candidate) => candidate.name === name);
  if (!flag || (flag.appliesTo && flag.appliesTo.length > 0 && !flag.appliesTo.includes(databaseVersion)))
    return `${databaseVersion} has no such flag`;
  if (flag.type === 'INTEGER' || flag.type === 'FLOAT') {
    const number = Number(value);
    if (flag.minValue && number < Number(flag.minValue)) return `below the minimum ${flag.minValue} of ${databaseVersion}`;
    if (flag.maxValue && number > Number(flag.maxValue)) return `above the maximum ${flag.maxValue} of ${databaseVersion}`;
  }
  if (flag.allowedStringValues && flag.allowedStringValues.length > 0 && !flag.allowedStringValues.includes(value))
    return `${databaseVersion} takes only ${flag.allowedStringValues.join(', ')}`;
  return undefined;
}

/** `databaseFlags` of an instance by name. */
export function flagValues(flags: readonly { name?: string | null; value?: string | null }[] | null | undefined): FlagValues {
  return Object.fromEntries((flags ?? []).map((flag) => [flag.name ?? '', flag.value ?? '']));
}

/** What is to be left when the flags `set` by the bot go: each as it was `before`, where it was set then. */
export function flagsWithout(now: FlagValues, set: readonly string[], before: FlagValues): FlagValues {
  const kept = Object.entries(now).filter(([name]) => !set.includes(name));
  const back = set.flatMap((name) => (before[name] === undefined ? [] : [[name, before[name]] as const]));
  return Object.fromEntries([...kept, ...back]);
}
