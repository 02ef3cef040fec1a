import { Transient } from '../errors.ts';
import { sqlState } from './errors.ts';
import type { Sql } from './types.ts';

/** Why the server does not take writes, or `undefined`: tried with a temporary table, which leaves nothing. */
export async function mayWrite(sql: Sql): Promise<string | undefined> {
  const [row] = await sql.look<{ recovery: boolean; readonly: boolean; own: boolean }>(
    `select pg_is_in_recovery() as recovery, setting = 'on' as readonly, source = 'client' as own
     from pg_settings where name = 'default_transaction_read_only'`,
  );
  if (row?.recovery) return 'it is in recovery';
  // A session that may only look is read-only by its own wish: that says nothing of the server.
  if (row?.readonly && row.own) return undefined;
  if (row?.readonly) return 'default_transaction_read_only is on';
  try {
    // Through `look`: nothing is changed.
    await sql.look('create temporary table pgupgrade_may_write () on commit drop');
    return undefined;
  } catch (error) {
    if (error instanceof Transient) throw error;
    if (sqlState(error) === '25006') return 'it refuses writes';
    throw error;
  }
}
