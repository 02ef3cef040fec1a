import { setTimeout as pause } from 'node:timers/promises';
import { NeedsHuman } from '../errors.ts';
import type { Postgres, Sql } from './types.ts';

/** A slot of the migration job against one LSN. */
export interface SlotAt {
  readonly slot: string;
  readonly database: string;
  readonly active: boolean;
  readonly confirmed: string;
  /** Bytes of WAL between what it confirmed and the LSN; 0: it has confirmed it. */
  readonly missing: number;
  /** `lost`: the server has removed WAL that it needs. */
  readonly walStatus: string;
}
export interface Drained {
  readonly slots: readonly SlotAt[];
  readonly durationMs: number;
}
const lookEveryMs = 50;

/** How far every slot of the job is from `lsn`. All of them: MAX makes several per database, also in `postgres`. */
export async function slotsAt(sql: Sql, lsn: string): Promise<readonly SlotAt[]> {
  return sql.look<{ slot: string; database: string; active: boolean; confirmed: string; missing: number; walStatus: string }>(
    `select slot_name::text as slot, database::text as database, active, coalesce(confirmed_flush_lsn::text, '0/0') as confirmed,
            greatest(0, pg_wal_lsn_diff($1::pg_lsn, coalesce(confirmed_flush_lsn, '0/0')))::float8 as missing, coalesce(wal_status, 'unknown') as "walStatus"
     from pg_replication_slots where plugin = 'pglogical_output' and not temporary order by slot_name`,
    [lsn],
  );
}

/**
 * Waits until every slot of the job has confirmed `lsn`: the destination has applied and flushed all that was committed
 * before it. A subscriber reports once a second by itself; an empty transaction in each of the slots' databases
 * makes it report at once (pglogical's apply loop sends its position after every message). No slot: NeedsHuman
 * `drain.no-slots`; WAL removed: `drain.slot-lost`; not there by `until` (ms since the epoch): `drain.slow`.
 */
export async function drain(
  postgres: Postgres,
  request: {
    readonly lsn: string;
    readonly until: number;
    readonly signal: AbortSignal;
    readonly progress?: (missing: number) => void;
    readonly poke?: boolean;
  },
): Promise<Drained> {
  const began = Date.now();
  const sql = await postgres.database('source', 'postgres');
  for (;;) {
    request.signal.throwIfAborted();
    const slots = await slotsAt(sql, request.lsn);
    const behind = slots.filter(({ missing }) => missing > 0);
    refuseHopeless(slots, behind);
    if (behind.length === 0) return { slots, durationMs: Date.now() - began };
    request.progress?.(Math.max(...behind.map(({ missing }) => missing)));
    if (Date.now() > request.until)
      throw new NeedsHuman(
        'drain.slow',
        `The destination has not confirmed LSN ${request.lsn}: ${behind.map(({ slot, missing }) => `slot ${slot} lacks ${missing} bytes`).join(', ')}.`,
        {
          remedy: 'Look why the destination lags (long transactions, locks, load), then start the cutover again.',
        },
      );
    if (request.poke !== false)
      await Promise.all([...new Set(behind.map(({ database }) => database))].map((database) => poke(postgres, database)));
    await pause(lookEveryMs, undefined, { signal: request.signal });
  }
}

function refuseHopeless(slots: readonly SlotAt[], behind: readonly SlotAt[]): void {
  if (slots.length === 0)
    throw new NeedsHuman(
      'drain.no-slots',
      'The source has no replication slot of the migration job: nothing tells that the destination has everything.',
      {
        remedy: 'Look at the migration job in Database Migration Service; without its slots the copy has to begin anew.',
      },
    );
  const lost = behind.filter(({ walStatus }) => walStatus === 'lost');
  if (lost.length > 0)
    throw new NeedsHuman(
      'drain.slot-lost',
      `The source has removed WAL that slot ${lost.map(({ slot }) => slot).join(', ')} still needs.`,
      {
        remedy: 'The copy has to begin anew: abort, and start with more room for WAL (max_slot_wal_keep_size).',
      },
    );
}

/** Commits and so wakes the walsenders; it carries no data and no table knows of it. */
async function poke(postgres: Postgres, database: string): Promise<void> {
  const sql = await postgres.database('source', database);
  await sql.change(`select pg_logical_emit_message(true, 'pgupgrade', '')`);
}
