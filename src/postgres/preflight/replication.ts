import { replicationNeeds, replicationSettings } from '../replication-settings.ts';
import type { Sql } from '../types.ts';
import type { Finding } from './finding.ts';

/** The server's settings for logical replication; everything here is set by `enable-replication-flags` in one restart. */
export async function replicationFindings(sql: Sql, databases: number): Promise<readonly Finding[]> {
  const now = await replicationSettings(sql);
  const needs = replicationNeeds({ databases, usedSlots: now.usedSlots, usedSenders: now.usedSenders });
  const short = [
    ...(now.walLevel === 'logical' ? [] : [{ object: 'wal_level', message: `wal_level is ${now.walLevel}, not logical.` }]),
    ...(now.pglogicalLoaded ? [] : [{ object: 'shared_preload_libraries', message: 'pglogical is not loaded.' }]),
    ...tooSmall('max_replication_slots', now.slots, needs.slots),
    ...tooSmall('max_wal_senders', now.senders, needs.senders),
    ...tooSmall('max_worker_processes', now.workers, needs.workers),
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

function tooSmall(object: string, has: number, needs: number): readonly { readonly object: string; readonly message: string }[] {
  return has >= needs ? [] : [{ object, message: `${object} is ${has}; the migration needs ${needs}.` }];
}
