import { setTimeout as pause } from 'node:timers/promises';
import { NeedsHuman } from '../errors.ts';
import { untouchable } from './fence-ledger.ts';
import { classOf, type SessionSeen, sessionsOf, sessionWords, systemRoles } from './sessions.ts';
import type { Postgres, Side, Sql } from './types.ts';

export interface Login {
  readonly user: string;
  readonly password: string;
}
export interface ProofRequest {
  readonly postgres: Postgres;
  /** Absent: the source. */
  readonly side?: Side;
  readonly databases: readonly string[];
  readonly keep: readonly string[];
  /** Proven readers. */
  readonly readers: readonly string[];
  readonly logins: readonly Login[];
  readonly disconnected: readonly string[];
  /** False: rows may be written all the same, by the way back. Default true. */
  readonly watchRows?: boolean;
  readonly signal: AbortSignal;
}
export interface FenceProof {
  /** Empty: nobody but the migration can write. */
  readonly gaps: readonly string[];
  /** Another round of the fence may close the gaps. */
  readonly closable: boolean;
  /** `pg_current_wal_insert_lsn()` after the last look. */
  readonly lsn: string;
  readonly text: string;
}
const windowMs = 250;
const stillWithinMs = 3_000;

/**
 * Looks from every side whether somebody could still write on it: rights of every login role, sessions, prepared
 * transactions, the row counters over a window, a login with each password that the bot holds. Changes nothing.
 */
export async function proveFence(request: ProofRequest): Promise<FenceProof> {
  const sql = await request.postgres.database(request.side ?? 'source', 'postgres');
  const first = request.watchRows === false ? undefined : counters(request);
  const [rights, prepared, refused] = await Promise.all([openRights(sql, request), preparedTransactions(sql), triedLogins(request)]);
  const still = first && (await standStill(request, await first));
  const seen = await sessionsOf(sql);
  const of = (wanted: ReturnType<typeof classOf>) => seen.filter((session) => classOf(session, request) === wanted);
  const foreign = of('foreign').map((session) => `${sessionWords(session)} is connected`);
  const [at] = await sql.look<{ lsn: string }>('select pg_current_wal_insert_lsn()::text as lsn');
  const gaps = [...rights, ...foreign, ...refused.gaps, ...prepared, ...(still === undefined ? [] : [still])];
  return {
    gaps,
    closable: prepared.length === 0,
    lsn: at?.lsn ?? '0/0',
    text: proofText(request, of('system'), of('reader'), refused.tried),
  };
}

/**
 * Every right to CONNECT that is left: directly in an ACL, or inherited by a role that may log in. A proven reader may get into
 * a database of the server's own (template1): it can no more write there than anywhere else.
 */
async function openRights(sql: Sql, { keep, readers, databases }: ProofRequest): Promise<readonly string[]> {
  const rows = await sql.look<{ gap: string }>(
    `select r.rolname || ' may connect to database ' || d.datname as gap
       from pg_roles r, pg_database d join pg_roles o on o.oid = d.datdba
      where r.rolcanlogin and not r.rolsuper and r.rolname <> current_user and r.rolname <> all ($1) and d.datallowconn and d.datname <> all ($2)
        and not (r.rolname = any ($3) and (d.datname = any ($4) or o.rolsuper)) and has_database_privilege(r.oid, d.oid, 'CONNECT')
     union all
     select 'superuser ' || rolname || ' may log in' from pg_roles where rolcanlogin and rolsuper and rolname <> all ($1) and rolname <> current_user and oid <> 10
     union all
     select case when a.grantee = 0 then 'PUBLIC' else pg_get_userbyid(a.grantee)::text end || ' has CONNECT on database ' || d.datname
       from pg_database d join pg_roles o on o.oid = d.datdba, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
      where d.datallowconn and not o.rolsuper and d.datname <> all ($2) and a.privilege_type = 'CONNECT'
        and (a.grantee = 0 or not (pg_get_userbyid(a.grantee) in (select current_user) or pg_get_userbyid(a.grantee) = any ($1)
             or (pg_get_userbyid(a.grantee) = any ($3) and d.datname = any ($4))))`,
    [[...systemRoles, ...keep], untouchable, readers, databases],
  );
  return [...new Set(rows.map(({ gap }) => gap))];
}

/** They are committed by whoever comes next, long after their session is gone. */
async function preparedTransactions(sql: Sql): Promise<readonly string[]> {
  const rows = await sql.look<{ gid: string; owner: string; database: string }>(
    'select gid, owner::text as owner, database::text as database from pg_prepared_xacts order by prepared',
  );
  return rows.map(({ gid, owner, database }) => `prepared transaction ${gid} of ${owner} in database ${database} is open`);
}

interface Counters {
  readonly text: string;
  /** When they were read, in ms since the epoch. */
  readonly at: number;
}

/** Rows written to tables since the statistics began, of each service database; catalogues (autovacuum writes there) left out. */
async function counters({ postgres, databases, side = 'source' }: ProofRequest): Promise<Counters> {
  const sums = await Promise.all(
    databases.map(async (database) => {
      const sql = await postgres.database(side, database);
      const [row] = await sql.look<{ sum: string }>(
        'select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::text as sum from pg_stat_user_tables',
      );
      return `${database} ${row?.sum ?? ''}`;
    }),
  );
  return { text: sums.join(', '), at: Date.now() };
}

/** Equal over a window; a session that was ended may report its last rows a moment later, so the window moves on for a while. */
async function standStill(request: ProofRequest, first: Counters): Promise<string | undefined> {
  const until = Date.now() + stillWithinMs;
  let before = first;
  for (;;) {
    // The rights and the logins were looked at meanwhile: that time is part of the window.
    await pause(Math.max(0, before.at + windowMs - Date.now()), undefined, { signal: request.signal });
    const after = await counters(request);
    if (after.text === before.text) return undefined;
    if (Date.now() > until) return `rows are still written (counters of ${before.text} became ${after.text} within ${windowMs} ms)`;
    before = after;
  }
}

async function triedLogins({
  postgres,
  databases,
  logins,
  readers,
  side = 'source',
}: ProofRequest): Promise<{ readonly gaps: readonly string[]; readonly tried: readonly string[] }> {
  const gaps: string[] = [];
  const tried: string[] = [];
  for (const { user, password } of logins.filter((login) => !readers.includes(login.user)))
    for (const database of databases) {
      try {
        const session = await postgres.login(side, database, user, password);
        await session.end();
        gaps.push(`${user} can log in to database ${database}`);
      } catch (error) {
        // A wrong password would prove nothing: the server looks at it before LOGIN and CONNECT.
        if (!(error instanceof NeedsHuman)) throw error;
        if (error.code === 'postgres.login-refused' || error.code === 'postgres.permission-denied')
          tried.push(`${user} was refused on ${database}`);
        else tried.push(`${user} on ${database}: not tried, the server did not take its password`);
      }
    }
  return { gaps, tried };
}

function proofText(
  request: ProofRequest,
  system: readonly SessionSeen[],
  readers: readonly SessionSeen[],
  tried: readonly string[],
): string {
  const list = (sessions: readonly SessionSeen[]) => [...new Set(sessions.map(({ role }) => role))].join(', ');
  return [
    `no login role but ${['the bot', ...request.keep, ...request.readers].join(', ')} may connect`,
    'no foreign session, no prepared transaction, row counters still',
    request.disconnected.length === 0 ? 'nobody had to be disconnected' : `disconnected: ${request.disconnected.join(', ')}`,
    ...(tried.length > 0 ? [`login tried: ${tried.join(', ')}`] : []),
    ...(request.readers.length > 0 ? [`stay, proven unable to write: ${request.readers.join(', ')}`] : []),
    ...(readers.length > 0 ? [`${readers.length} sessions of readers`] : []),
    ...(system.length > 0 ? [`system roles connected: ${list(system)}`] : []),
  ].join('; ');
}
