import { setTimeout as pause } from 'node:timers/promises';
import type { Sql } from './types.ts';

/**
 * Login roles that belong to Cloud SQL itself. They cannot be fenced and are none of the service's writers: their
 * sessions are listed, never counted. Superusers are the server's own too: on Cloud SQL no customer gets one.
 */
export const systemRoles: readonly string[] = [
  'cloudsqladmin',
  'cloudsqlagent',
  'cloudsqlreplica',
  'cloudsqlimportexport',
  'cloudsqlexternalsync',
  'cloudsqlobservability',
  'cloudsqlobservabilityadmin',
  'cloudsqlconnpooladmin',
  'cloudsqllogical',
  'cloudsqliamuser',
  'cloudsqlinactiveuser',
];

export interface SessionSeen {
  readonly pid: number;
  /** When it connected, in microseconds since the epoch; null where the server does not tell. With it the pid is its own for ever. */
  readonly startedAt: number | null;
  readonly role: string;
  readonly database: string | null;
  readonly application: string;
  /** `local` where it did not come over the network. */
  readonly address: string;
  readonly kind: string;
  readonly superuser: boolean;
  /** One of the bot's own: its user, and named `pgupgrade…` (the validator has sessions of its own). */
  readonly own: boolean;
  /** What it runs or ran last, as it came from the client: never shown but by `sessionWords`. */
  readonly statement: string;
  /** How long its transaction is open, in ms, if that has written something. */
  readonly writingForMs: number | null;
}

/** Whole microseconds are exact in a float8, and survive JSON. */
const startedAt = '(extract(epoch from a.backend_start) * 1000000)::float8';

/** Everybody who is connected, as one look of pg_stat_activity; processes of the server that act for no role are left out. */
export async function sessionsOf(sql: Sql): Promise<readonly SessionSeen[]> {
  return sql.look<{
    pid: number;
    startedAt: number | null;
    role: string;
    database: string | null;
    application: string;
    address: string;
    kind: string;
    superuser: boolean;
    own: boolean;
    statement: string;
    writingForMs: number | null;
  }>(
    `select a.pid, ${startedAt} as "startedAt", a.usename::text as role, a.datname::text as database, a.application_name as application,
            coalesce(host(a.client_addr), 'local') as address, a.backend_type as kind, coalesce(r.rolsuper, false) as superuser,
            (a.pid = pg_backend_pid() or (a.usename = current_user and a.application_name like 'pgupgrade%')) as own,
            left(coalesce(a.query, ''), 500) as statement,
            case when a.backend_xid is not null then extract(epoch from clock_timestamp() - a.xact_start)::float8 * 1000 end as "writingForMs"
     from pg_stat_activity a left join pg_roles r on r.oid = a.usesysid where a.usename is not null order by a.usename, a.pid`,
  );
}

export interface SessionRules {
  /** Users whose sessions are part of the migration. */
  readonly keep: readonly string[];
  /** Proven readers. */
  readonly readers: readonly string[];
}
export type SessionClass = 'own' | 'system' | 'migration' | 'reader' | 'foreign';

/** Whose session it is. What is nobody's is foreign, also the bot's user under another application's name: a person. */
export function classOf(session: SessionSeen, rules: SessionRules): SessionClass {
  if (session.own) return 'own';
  if (session.superuser || systemRoles.includes(session.role)) return 'system';
  if (rules.keep.includes(session.role)) return 'migration';
  if (rules.readers.includes(session.role)) return 'reader';
  return 'foreign';
}

/** `me-inapp@x.iam (inapp-web, 10.0.0.4, “update campaign set name = …”)`: its statement's start, the values in it masked. */
export function sessionWords({
  role,
  application,
  address,
  statement,
}: Pick<SessionSeen, 'role' | 'application' | 'address'> & { readonly statement?: string }): string {
  const start = statement ? startOf(statement) : '';
  return `${role} (${application === '' ? 'no application name' : application}, ${address}${start === '' ? '' : `, “${start}”`})`;
}

function startOf(statement: string): string {
  const masked = statement
    .replace(/\$(\w*)\$.*?(\$\1\$|$)/gs, '…')
    .replace(/'(?:[^']|'')*('|$)/g, '…')
    .replace(/\b\d[\d.e]*\b/gi, '…')
    .replace(/\s+/g, ' ')
    .trim();
  return masked.length > 60 ? `${masked.slice(0, 59)}…` : masked;
}

/**
 * Ends sessions and waits until they are gone, at most `withinMs`. Asked of the server by pid and start, so that a
 * process id that was given away meanwhile is left alone.
 */
export async function endSessions(sql: Sql, sessions: readonly Pick<SessionSeen, 'pid' | 'startedAt'>[], withinMs: number): Promise<void> {
  if (sessions.length === 0) return;
  const these = `pg_stat_activity a join unnest($1::int[], $2::float8[]) as t (pid, started) on t.pid = a.pid and t.started is not distinct from ${startedAt}`;
  const values = [sessions.map(({ pid }) => pid), sessions.map((session) => session.startedAt)];
  await sql.change(`select pg_terminate_backend(a.pid) from ${these}`, values);
  const until = Date.now() + withinMs;
  for (;;) {
    const [left] = await sql.look<{ count: number }>(`select count(*)::int as count from ${these}`, values);
    if ((left?.count ?? 0) === 0 || Date.now() > until) return;
    await pause(10);
  }
}

/**
 * Waits until every process that is connecting right now has either been refused or shows in pg_stat_activity.
 * A process on its way in holds a RowExclusiveLock on its database from before it reads the CONNECT right until after
 * it shows (InitPostgres, 12 to 18): those that hold one now may have read the old right, later ones read the new one.
 */
export async function letConnectingFinish(sql: Sql, withinMs: number): Promise<void> {
  const connecting = `select pid, virtualtransaction as transaction from pg_locks
     where locktype = 'object' and classid = 'pg_database'::regclass and mode = 'RowExclusiveLock' and pid <> pg_backend_pid()`;
  const key = ({ pid, transaction }: { pid: number; transaction: string }) => `${pid} ${transaction}`;
  let before = new Set((await sql.look<{ pid: number; transaction: string }>(connecting)).map(key));
  const until = Date.now() + withinMs;
  while (before.size > 0 && Date.now() < until) {
    await pause(10);
    const now = (await sql.look<{ pid: number; transaction: string }>(connecting)).map(key);
    before = new Set(now.filter((one) => before.has(one)));
  }
}
