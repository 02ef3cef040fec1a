import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Transient } from '../errors.ts';
import type { Session } from './session.ts';
import type { Sql } from './types.ts';

/** How long ended sessions are waited for, in milliseconds: before 14 the server does not do that itself. */
const goneWithinMs = 5_000;

/**
 * Ends what earlier owners of the run left running: sessions named `pgupgrade/<run>/<step>/<token>` with a smaller token.
 * A stopped process that wakes up later would otherwise finish its statement after the run has moved on.
 */
export async function endOlderSessions(sql: Sql, run: string, token: number): Promise<void> {
  const older = `from pg_stat_activity
    where starts_with(application_name, 'pgupgrade/' || $1::text || '/') and pid <> pg_backend_pid()
      and substring(application_name from '/([0-9]{1,15})$')::bigint < $2`;
  await sql.look(`select pg_terminate_backend(pid) ${older}`, [run, token]);
  for (const until = Date.now() + goneWithinMs; Date.now() < until; await pause(20))
    if ((await sql.look(`select pid ${older}`, [run, token])).length === 0) return;
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
