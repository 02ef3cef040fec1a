import { NeedsHuman } from '../errors.ts';
import type { Sql } from './types.ts';

/** What logical replication needs of a server, as it is now. */
export interface ReplicationSettings {
  readonly walLevel: string;
  readonly pglogicalLoaded: boolean;
  readonly slots: number;
  readonly senders: number;
  readonly workers: number;
  /** Slots of others: those of the migration and of the way back are left out, so that what is needed does not grow with them. */
  readonly usedSlots: number;
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
            (select count(*)::int from pg_replication_slots where plugin is distinct from 'pglogical_output' and slot_name !~ '^pgupgrade_') as "usedSlots",
            (select setting::int from pg_settings where name = 'max_slot_wal_keep_size') as "maxSlotWalKeepMb"`,
  );
  if (!row) throw new TypeError('a select without from gave no row');
  return row;
}

/** Subscriptions that Database Migration Service may open per database at parallelism MAX; Google names no number, ten is what its users report. */
const subscriptionsPerDatabase = 10;
/** For the way back, a read replica, somebody's reader. */
const spare = 10;

/**
 * What the settings must at least be, by PostgreSQL's rules for a publisher: a slot and a sender for each subscription,
 * and workers besides those that Postgres starts itself.
 */
export function replicationNeeds(request: {
  readonly databases: number;
  readonly usedSlots: number;
}): Readonly<Record<SizeSetting, number>> {
  const slots = Math.ceil((request.databases * subscriptionsPerDatabase + request.usedSlots + spare) / 10) * 10;
  return { max_replication_slots: slots, max_wal_senders: slots, max_worker_processes: slots + 14 };
}

export type SizeSetting = 'max_replication_slots' | 'max_wal_senders' | 'max_worker_processes';

/** Those settings that are too small now, with the value that they need. */
export function tooSmall(
  now: ReplicationSettings,
  databases: number,
): readonly { readonly name: SizeSetting; readonly has: number; readonly needs: number }[] {
  const needs = replicationNeeds({ databases, usedSlots: now.usedSlots });
  const has = { max_replication_slots: now.slots, max_wal_senders: now.senders, max_worker_processes: now.workers };
  return (['max_replication_slots', 'max_wal_senders', 'max_worker_processes'] as const)
    .map((name) => ({ name, has: has[name], needs: needs[name] }))
    .filter((entry) => entry.has < entry.needs);
}

/** With a logical slot left and wal_level below logical, Postgres does not start any more: NeedsHuman `postgres.slots-left`. */
export async function refuseLogicalSlots(sql: Sql): Promise<void> {
  const slots = await sql.look<{ slot_name: string }>(
    `select slot_name::text from pg_replication_slots where slot_type = 'logical' and not temporary`,
  );
  if (slots.length > 0)
    throw new NeedsHuman(
      'postgres.slots-left',
      `Slots ${slots.map((slot) => slot.slot_name).join(', ')} are left on the source; without logical decoding it would not start.`,
      {
        remedy: 'Drop them (select pg_drop_replication_slot(…)), then press Retry.',
      },
    );
}
