import { setTimeout as pause } from 'node:timers/promises';
import { NeedsHuman } from '../errors.ts';
import type { Postgres } from './types.ts';

/** A slot of the migration job on the source: Database Migration Service names them itself, the plugin tells them. */
export interface MigrationSlot {
  readonly slot: string;
  readonly database: string;
  readonly active: boolean;
  /** WAL that the source keeps for it, in bytes. */
  readonly retainedBytes: number;
  /** WAL written and not yet confirmed by it, in bytes. */
  readonly lagBytes: number;
  readonly walStatus: string;
}
const inactiveWithinMs = 60_000;

/** The slots of the job, in every database: MAX makes several per database, also in `postgres`. */
export async function migrationSlots(postgres: Postgres): Promise<readonly MigrationSlot[]> {
  const sql = await postgres.database('source', 'postgres');
  const rows = await sql.look<{
    slot: string;
    database: string;
    active: boolean;
    retained: string;
    lag: string;
    wal_status: string | null;
  }>(
    `select slot_name as slot, database, active, wal_status,
            coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint::text as retained,
            coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::bigint::text as lag
     from pg_replication_slots where plugin = 'pglogical_output' and not temporary order by slot_name`,
  );
  return rows.map(({ slot, database, active, retained, lag, wal_status }) => ({
    slot,
    database,
    active,
    walStatus: wal_status ?? 'unknown',
    retainedBytes: Number(retained),
    lagBytes: Math.max(0, Number(lag)),
  }));
}

/**
 * Drops the job's slots once nobody reads from them. As user migration: dropping a slot needs REPLICATION, which
 * `postgres` does not have. The job's nodes and replication sets go with the extension. A slot that stays active: NeedsHuman `postgres.slot-active`.
 */
export async function dropMigrationSlots(
  postgres: Postgres,
  options: { readonly password: string; readonly signal: AbortSignal },
): Promise<void> {
  const until = Date.now() + inactiveWithinMs;
  for (;;) {
    options.signal.throwIfAborted();
    const slots = await migrationSlots(postgres);
    if (slots.length === 0) break;
    const idle = slots.filter(({ active }) => !active);
    if (idle.length > 0) {
      const session = await postgres.login('source', 'postgres', 'migration', options.password);
      try {
        for (const { slot } of idle)
          await session.change('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active', [
            slot,
          ]);
      } finally {
        await session.end();
      }
    } else if (Date.now() > until) {
      throw new NeedsHuman(
        'postgres.slot-active',
        `Replication slot ${slots[0]?.slot} on the source is still read from ${inactiveWithinMs / 1000} s after the migration job was stopped.`,
        {
          remedy: 'Stop the job in Database Migration Service, then press Retry: a slot left behind keeps WAL until the disk is full.',
        },
      );
    } else await pause(200, undefined, { signal: options.signal });
  }
}
