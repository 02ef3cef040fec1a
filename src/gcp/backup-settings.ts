import type { CloudSql, Instance, InstanceSettings } from './types.ts';

/** What of a backup configuration people set; the rest is output. */
const fields = [
  'enabled',
  'startTime',
  'location',
  'pointInTimeRecoveryEnabled',
  'transactionLogRetentionDays',
  'backupRetentionSettings',
] as const;
type Backups = NonNullable<InstanceSettings['backupConfiguration']>;
export interface BackupChange {
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
}

/** What has to change on `instance` so that it is backed up as `wanted` says (the source's settings at the run's start). */
export function backupChanges(instance: Instance, wanted: InstanceSettings): readonly BackupChange[] {
  const now: Backups = instance.settings?.backupConfiguration ?? {};
  const then: Backups = wanted.backupConfiguration ?? {};
  return fields.flatMap((field) =>
    then[field] === undefined || same(now[field], then[field]) ? [] : [{ field, from: now[field], to: then[field] }],
  );
}

function backupPatch(wanted: InstanceSettings): Backups {
  const then: Backups = wanted.backupConfiguration ?? {};
  return Object.fromEntries(fields.flatMap((field) => (then[field] === undefined ? [] : [[field, then[field]]])));
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a ?? false) === JSON.stringify(b ?? false);
}

/** Backs `name` up as `wanted` says and waits. Turning point-in-time recovery on may restart the instance. */
export async function restoreBackups(
  cloudSql: CloudSql,
  name: string,
  wanted: InstanceSettings,
  signal: AbortSignal,
  made: (operation: string) => Promise<void> = async () => undefined,
): Promise<void> {
  const settingsVersion = (await cloudSql.instance(name))?.settings?.settingsVersion ?? null;
  const operation = await cloudSql.patchInstance(name, { settings: { settingsVersion, backupConfiguration: backupPatch(wanted) } });
  await made(operation);
  await cloudSql.wait(operation, { signal, timeoutMs: 15 * 60_000 });
}
