import { setTimeout as pause } from 'node:timers/promises';
import { NeedsHuman } from '../errors.ts';
import type { Postgres, Side, Sql } from './types.ts';

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
/** How long it waits where no deadline ends it, and how long beyond a deadline that nobody kept. */
const patience = { withoutDeadlineMs: 5 * 60_000, behindDeadlineMs: 15_000 };

/** Which slots: those of the migration job by their plugin, or the way back's by their names. */
export type Slots = 'migration' | readonly string[];

/** How far the slots are from `lsn`. Every one of the job: MAX makes several per database, also in `postgres`. */
export async function slotsAt(sql: Sql, lsn: string, slots: Slots = 'migration'): Promise<readonly SlotAt[]> {
  return sql.look<{ slot: string; database: string; active: boolean; confirmed: string; missing: number; walStatus: string }>(
    `select slot_name::text as slot, database::text as database, active, coalesce(confirmed_flush_lsn::text, '0/0') as confirmed,
            greatest(0, pg_wal_lsn_diff($1::pg_lsn, coalesce(confirmed_flush_lsn, '0/0')))::float8 as missing, coalesce(wal_status, 'unknown') as "walStatus"
     from pg_replication_slots where case when $2::text[] is null then plugin = 'pglogical_output' and not temporary else slot_name = any ($2) end order by slot_name`,
    [lsn, slots === 'migration' ? null : slots],
  );
}

/**
 * Waits until every slot of the job has confirmed `lsn`: the destination has applied and flushed all that was committed
 * before it. A subscriber reports once a second by itself; an empty transaction in each of the slots' databases
 * makes it report at once (pglogical's apply loop sends its position after every message). No slot: NeedsHuman
 * `drain.no-slots`; WAL removed: `drain.slot-lost`; not there in time: `drain.slow`.
 */
export async function drain(
  postgres: Postgres,
  request: {
    readonly lsn: string;
    /** Absent: the job's, on the source. The way back's are on the destination. */
    readonly slots?: Slots;
    readonly side?: Side;
    /** Of the write stop, ms since the epoch: it is the engine's to keep, by ending this execution. */
    readonly deadlineAt: number | undefined;
    readonly signal: AbortSignal;
    readonly progress?: (missing: number) => void;
    readonly poke?: boolean;
  },
): Promise<Drained> {
  const began = Date.now();
  const until = request.deadlineAt === undefined ? began + patience.withoutDeadlineMs : request.deadlineAt + patience.behindDeadlineMs;
  const { side = 'source' } = request;
  const sql = await postgres.database(side, 'postgres');
  for (;;) {
    request.signal.throwIfAborted();
    const slots = await slotsAt(sql, request.lsn, request.slots);
    const behind = slots.filter(({ missing }) => missing > 0);
    refuseHopeless(side, slots, behind);
    if (behind.length === 0) return { slots, durationMs: Date.now() - began };
    request.progress?.(Math.max(...behind.map(({ missing }) => missing)));
    if (Date.now() > until)
      throw new NeedsHuman(
        'drain.slow',
        `The ${other[side]} has not confirmed LSN ${request.lsn}: ${behind.map(({ slot, missing }) => `slot ${slot} lacks ${missing} bytes`).join(', ')}.`,
        {
          remedy: `Look why the ${other[side]} lags (errors in its log, long transactions, locks, load), then start the cutover again.`,
        },
      );
    if (request.poke !== false)
      await Promise.all([...new Set(behind.map(({ database }) => database))].map((database) => poke(postgres, side, database)));
    await pause(lookEveryMs, undefined, { signal: request.signal });
  }
}

const other = { source: 'destination', destination: 'source' } as const satisfies Record<Side, Side>;

function refuseHopeless(side: Side, slots: readonly SlotAt[], behind: readonly SlotAt[]): void {
  if (slots.length === 0)
    throw new NeedsHuman('drain.no-slots', `The ${side} has no replication slot: nothing tells that the ${other[side]} has everything.`, {
      remedy: 'Look at the migration job in Database Migration Service; without its slots the copy has to begin anew (restart-copy).',
    });
  const lost = behind.filter(({ walStatus }) => walStatus === 'lost');
  if (lost.length > 0)
    throw new NeedsHuman(
      'drain.slot-lost',
      `The ${side} has removed WAL that slot ${lost.map(({ slot }) => slot).join(', ')} still needs.`,
      {
        remedy: 'The copy has to begin anew (restart-copy), with more room for WAL (max_slot_wal_keep_size).',
      },
    );
}

/** Commits and so wakes the walsenders; it carries no data and no table knows of it. */
export async function poke(postgres: Postgres, side: Side, database: string): Promise<void> {
  const sql = await postgres.database(side, database);
  await sql.change(`select pg_logical_emit_message(true, 'pgupgrade', '')`);
}
