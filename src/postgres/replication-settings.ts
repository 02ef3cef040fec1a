import type { Sql } from './types.ts';

/** What logical replication needs of a server, as it is now. */
export interface ReplicationSettings {
  readonly walLevel: string;
  readonly pglogicalLoaded: boolean;
  readonly slots: number;
  readonly senders: number;
  readonly workers: number;
  readonly usedSlots: number;
  readonly usedSenders: number;
  /** Megabytes; -1: unlimited. */
  readonly maxSlotWalKeepMb: number;
}

/** `shared_preload_libraries` is visible to members of pg_monitor only. */
export async function replicationSettings(sql: Sql): Promise<ReplicationSettings> {
  const [row] = await sql.look<ReplicationSettings & Record<string, unknown>>(
    `select current_setting('wal_level') as "walLevel",
            coalesce(current_setting('shared_preload_libraries', true), '') ~ '(^|[ ,"/])pglogical($|[ ,"])' as "pglogicalLoaded",
            current_setting('max_replication_slots')::int as slots, current_setting('max_wal_senders')::int as senders,
            current_setting('max_worker_processes')::int as workers,
            (select count(*)::int from pg_replication_slots) as "usedSlots", (select count(*)::int from pg_stat_replication) as "usedSenders",
            (select setting::int from pg_settings where name = 'max_slot_wal_keep_size') as "maxSlotWalKeepMb"`,
  );
  if (!row) throw new TypeError('a select without from gave no row');
  return row;
}

/** Subscriptions that Database Migration Service may open per database at parallelism MAX; Google names no number, ten is what its users report. */
const subscriptionsPerDatabase = 10;
/** For initial table copies, the way back, and somebody's reader. */
const spare = 10;

/**
 * What the three settings must at least be, by PostgreSQL's rules for publishers: a slot and a sender for each
 * subscription, a worker for each database and subscription besides those that Postgres uses itself.
 */
export function replicationNeeds(request: { readonly databases: number; readonly usedSlots: number; readonly usedSenders: number }): {
  readonly slots: number;
  readonly senders: number;
  readonly workers: number;
} {
  const subscriptions = request.databases * subscriptionsPerDatabase;
  const slots = subscriptions + request.usedSlots + spare;
  return {
    slots,
    senders: Math.max(slots, subscriptions + request.usedSenders + spare),
    workers: subscriptions + request.databases + spare,
  };
}
