import { replicationSettings, tooSmall } from '../replication-settings.ts';
import type { Sql } from '../types.ts';
import type { Finding } from './finding.ts';

/** The server's settings for logical replication; everything here is set by `enable-replication-flags` in one restart. */
export async function replicationFindings(sql: Sql, databases: number): Promise<readonly Finding[]> {
  const now = await replicationSettings(sql);
  const short = [
    ...(now.walLevel === 'logical' ? [] : [{ object: 'wal_level', message: `wal_level is ${now.walLevel}, not logical.` }]),
    ...(now.pglogicalLoaded ? [] : [{ object: 'shared_preload_libraries', message: 'pglogical is not loaded.' }]),
    ...tooSmall(now, databases).map(({ name, has, needs }) => ({
      object: name,
      message: `${name} is ${has}; the migration needs ${needs}.`,
    })),
  ];
  return short.map(({ object, message }) => ({
    severity: 'handled' as const,
    code: 'replication.setting',
    object,
    message,
    handledBy: 'enable-replication-flags',
    remedy: 'The flag is set; that restarts the source once.',
  }));
}
