import { classOf, type SessionRules, type SessionSeen, sessionsOf, sessionWords } from './sessions.ts';
import type { Sql } from './types.ts';

/** A transaction that has written and is open for longer than this is ended by the fence, and all its work is lost. */
const longMs = 30_000;
const poolers = /pgbouncer|pgcat|odyssey|pgpool|supavisor/i;

/** What would hold up or break the write stop, as sentences that name it: prepared transactions, and long ones that have written. */
export async function hindrances(sql: Sql, rules: SessionRules, longerThanMs = longMs): Promise<readonly string[]> {
  const prepared = await sql.look<{ gid: string; owner: string; database: string }>(
    'select gid, owner::text as owner, database::text as database from pg_prepared_xacts order by prepared',
  );
  const writing = (await sessionsOf(sql)).filter(
    (session) => classOf(session, rules) === 'foreign' && session.writingForMs !== null && session.writingForMs > longerThanMs,
  );
  return [
    ...prepared.map(({ gid, owner, database }) => `prepared transaction ${gid} of ${owner} in database ${database} is open`),
    ...writing.map(
      (session) =>
        `a transaction of ${sessionWords(session)} has written and is open for ${Math.round((session.writingForMs ?? 0) / 1000)} s`,
    ),
  ];
}

/**
 * Everybody who is connected and is neither the server's, the migration's nor the bot's, one line a role, application and
 * address. One address with several users, or a pooler's name: a pooler, behind which others stand.
 */
export async function connectedNow(sql: Sql, rules: SessionRules): Promise<readonly string[]> {
  const foreign = (await sessionsOf(sql)).filter((session) => ['foreign', 'reader'].includes(classOf(session, rules)));
  const byAddress = groupedBy(foreign, ({ address }) => address);
  return [...byAddress].flatMap(([address, sessions]) => {
    const users = [...new Set(sessions.map(({ role }) => role))];
    const pooled =
      address !== 'local' &&
      (sessions.some(({ application }) => poolers.test(application)) ||
        (users.length > 1 && sessions.every(({ application }) => application === '')));
    return pooled ? [`pooler at ${address}: ${sessions.length} sessions of ${users.join(', ')}`] : grouped(sessions);
  });
}

function groupedBy(sessions: readonly SessionSeen[], key: (session: SessionSeen) => string): ReadonlyMap<string, readonly SessionSeen[]> {
  const groups = new Map<string, SessionSeen[]>();
  for (const session of sessions) groups.set(key(session), [...(groups.get(key(session)) ?? []), session]);
  return groups;
}

function grouped(sessions: readonly SessionSeen[]): readonly string[] {
  const groups = groupedBy(sessions, ({ role, application, address }) => JSON.stringify([role, application, address]));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first ? [`${group.length > 1 ? `${group.length} sessions of ` : ''}${sessionWords(first)}`] : [];
  });
}
