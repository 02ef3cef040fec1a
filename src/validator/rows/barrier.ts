import { setTimeout as pause } from 'node:timers/promises';
import { NeedsHuman } from '../../errors.ts';
import type { Pair } from '../pairs.ts';
import type { Session } from '../session.ts';
import type { CompareRequest } from '../types.ts';

const lookEveryMs = 50;
const patienceMs = 120_000;

interface Slot extends Record<string, unknown> {
  readonly name: string;
  readonly active: boolean;
  readonly confirmed: string | null;
  readonly passed: boolean;
}

/** Everything that was committed where changes come from has arrived. */
export function passBarrier(request: Pick<CompareRequest, 'flow' | 'slots' | 'signal'>, pair: Pair): Promise<void> {
  const from = pair[request.flow?.from ?? 'source'];
  return barrier(from, request.flow?.slots?.[from.database] ?? request.slots, request.signal);
}

/**
 * Waits until everything that `from` has committed so far is on the other side: every slot of the database confirms
 * the LSN taken now (pglogical and native replication confirm what is applied and flushed). Errors: NeedsHuman
 * `validator.no-slot` where nothing replicates, `validator.barrier` where a slot does not get there in 2 minutes.
 */
async function barrier(from: Session, slots: readonly string[] | undefined, signal: AbortSignal): Promise<void> {
  const [now] = await from.texts('select pg_current_wal_insert_lsn()::text');
  const lsn = now?.[0] ?? '';
  const until = Date.now() + patienceMs;
  for (;;) {
    const found = await from.query<Slot>(
      `select slot_name::text as name, active, confirmed_flush_lsn::text as confirmed, coalesce(confirmed_flush_lsn >= $1::pg_lsn, false) as passed
       from pg_replication_slots
       where slot_type = 'logical' and database = current_database() and case when $2::text[] is null then plugin = 'pglogical_output' else slot_name = any($2) end`,
      [lsn, slots ?? null],
    );
    const absent = slots?.filter((name) => !found.some((slot) => slot.name === name)) ?? [];
    if (found.length === 0 || absent.length > 0)
      throw new NeedsHuman(
        'validator.no-slot',
        `Database ${from.database} of the ${from.side} has no ${absent.length > 0 ? `slot ${absent.join(', ')}` : 'slot of plugin pglogical_output'}: nothing carries its changes to the destination, so a live comparison has no end.`,
        { remedy: 'Start the replication, name its slots, or compare without changes flowing.' },
      );
    const behind = found.find((slot) => !slot.passed);
    if (!behind) return;
    if (Date.now() > until)
      throw new NeedsHuman(
        'validator.barrier',
        `Slot ${behind.name} of database ${from.database} (${behind.active ? 'active' : 'NOT active'}) has confirmed ${behind.confirmed ?? 'nothing'} and did not reach ${lsn} in ${patienceMs / 1_000} s.`,
        { remedy: 'Look at the replication lag and at the subscription on the destination, then retry.' },
      );
    await pause(lookEveryMs, undefined, { signal });
  }
}
