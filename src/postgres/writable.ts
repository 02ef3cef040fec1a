import { Transient } from '../errors.ts';
import { sqlState } from './errors.ts';
import type { Sql } from './types.ts';

/** Why the server does not take writes, or `undefined`: tried with a temporary table, which leaves nothing. */
export async function mayWrite(sql: Sql): Promise<string | undefined> {
  const [row] = await sql.look<{ recovery: boolean; readonly: boolean }>(
    `select pg_is_in_recovery() as recovery, current_setting('default_transaction_read_only') = 'on' as readonly`,
  );
  if (row?.recovery) return 'it is in recovery';
  if (row?.readonly) return 'default_transaction_read_only is on';
  try {
    // Through `look`: nothing is changed, and a plan may look too (where it says "read-only").
    await sql.look('create temporary table pgupgrade_may_write () on commit drop');
    return undefined;
  } catch (error) {
    if (error instanceof Transient) throw error;
    if (sqlState(error) === '25006') return 'it refuses writes';
    throw error;
  }
}
