import { setTimeout as pause } from 'node:timers/promises';
import { sqlState } from './errors.ts';
import type { Sql } from './types.ts';

const slotInUse = '55006';
const goneWithinMs = 5_000;

/** Ends whoever reads from a slot, and waits until that is so: before 14 the server does not wait for the end itself. */
export async function endReader(sql: Sql, slot: string): Promise<void> {
  await sql.change('select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active', [slot]);
  for (const until = Date.now() + goneWithinMs; Date.now() < until; await pause(20))
    if ((await sql.look('select from pg_replication_slots where slot_name = $1 and active', [slot])).length === 0) return;
}

/**
 * Drops a slot of the session's database, if it is there. Its readers are ended first: a walsender outlives its subscription by a
 * moment, and whoever read from it may come back once before it sees that it should not.
 */
export async function dropSlot(sql: Sql, slot: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await endReader(sql, slot);
    try {
      await sql.change('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1', [slot]);
      return;
    } catch (error) {
      if (attempt === 10 || sqlState(error) !== slotInUse) throw error;
    }
  }
}
