import { createHash } from 'node:crypto';
import { Transient } from '../errors.ts';
import type { Session } from './session.ts';
import type { Sql } from './types.ts';

/** How long the server waits for one ended session to be gone, in milliseconds. */
const goneWithinMs = 5_000;

/**
 * Ends what earlier owners of the run left running: sessions named `pgupgrade/<run>/<step>/<token>` with a smaller token.
 * A stopped process that wakes up later would otherwise finish its statement after the run has moved on.
 */
export async function endOlderSessions(sql: Sql, run: string, token: number): Promise<void> {
  const older = await sql.look<{ pid: number }>(
    `select pid from pg_stat_activity
      where starts_with(application_name, 'pgupgrade/' || $1::text || '/') and pid <> pg_backend_pid()
        and split_part(application_name, '/', -1) ~ '^[0-9]{1,15}$' and split_part(application_name, '/', -1)::bigint < $2`,
    [run, token],
  );
  for (const { pid } of older) await sql.look('select pg_terminate_backend($1, $2)', [pid, goneWithinMs]);
}

/** The run's key of the advisory lock: 64 bits of its uid. */
export function lockKey(uid: string): string {
  return createHash('sha256').update(`pgupgrade ${uid}`).digest().readBigInt64BE(0).toString();
}

/**
 * A session-level advisory lock on a session of its own. `hold` takes it if this session does not have it (after a
 * restart of the server), so it is called before every change. Held by another session: Transient `postgres.not-owner`.
 */
export function ownerLock(session: Session, uid: string): { hold(): Promise<void>; rename(): Promise<void>; end(): Promise<void> } {
  let holder: number | undefined;
  return {
    async hold() {
      const pid = await session.connect();
      if (pid === holder) return;
      const [row] = await session.look<{ locked: boolean }>('select pg_try_advisory_lock($1::bigint) as locked', [lockKey(uid)]);
      if (!row?.locked)
        throw new Transient('postgres.not-owner', 'Another session holds this run’s lock on the source; nothing was changed.', {
          retryAfterMs: 1_000,
        });
      holder = pid;
    },
    rename: () => session.rename(),
    end: () => session.end(),
  };
}
