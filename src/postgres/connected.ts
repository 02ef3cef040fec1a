import { classOf, endSessions, type SessionRules, type SessionSeen, sessionsOf, sessionWords } from './sessions.ts';
import type { Sql } from './types.ts';

/** A transaction that has written and is open for longer than this is ended by the fence, and all its work is lost. */
const longMs = 30_000;
const poolers = /pgbouncer|pgcat|odyssey|pgpool|supavisor/i;

/** Never ended on request: the copy and the way back hang on their sessions, whose side they are on being no matter. */
const spared = ['migration', 'wayback'];
/** People read who it is before they have them disconnected; the others are shown by the next look. */
const mostAtOnce = 20;
const goneWithinMs = 5_000;

/** A session that holds up the write stop, by what it is known by for ever, and by the words in which people are shown it. */
export interface HinderingSession {
  readonly pid: number;
  /** Microseconds since the epoch. */
  readonly startedAt: number;
  readonly who: string;
}
export interface Hindrances {
  /** Sentences without their full stop; each names what it is about. None: nothing is in the way. */
  readonly words: readonly string[];
  readonly remedy: string;
  /** Those of the sessions that may be disconnected. */
  readonly sessions: readonly HinderingSession[];
}

/** What would hold up or break the write stop: prepared transactions, and long ones that have written. */
export async function hindrances(sql: Sql, rules: SessionRules, longerThanMs = longMs): Promise<Hindrances> {
  const prepared = await sql.look<{ gid: string; owner: string; database: string }>(
    'select gid, owner::text as owner, database::text as database from pg_prepared_xacts order by prepared',
  );
  const writing = (await sessionsOf(sql)).filter((session) => hinders(session, rules, longerThanMs));
  const sessions = writing.flatMap(hindering).slice(0, mostAtOnce);
  return {
    words: [
      ...prepared.map(({ gid, owner, database }) => `prepared transaction ${gid} of ${owner} in database ${database} is open`),
      ...writing.map(
        (session) => `a transaction of ${whoIs(session)}, has written and is open for ${Math.round((session.writingForMs ?? 0) / 1000)} s`,
      ),
    ],
    remedy:
      sessions.length > 0
        ? 'Disconnect the sessions from here (what their transactions have done is lost), or wait for the end of what is named, then press Retry.'
        : 'End what is named, or wait for its end, then press Retry.',
    sessions,
  };
}

/**
 * Ends those of the sessions that are connected still and in the way still, and tells what became of each. Whose process id is
 * another's by now, and who has committed since, is left alone.
 */
export async function disconnect(
  sql: Sql,
  rules: SessionRules,
  asked: readonly HinderingSession[],
  longerThanMs = longMs,
): Promise<{ readonly ended: readonly string[]; readonly left: readonly string[] }> {
  const before = await sessionsOf(sql);
  const inTheWay = before.filter((session) => hinders(session, rules, longerThanMs)).flatMap(hindering);
  const toEnd = asked.filter((session) => isAmong(inTheWay, session));
  await endSessions(sql, toEnd, goneWithinMs);
  const after = await sessionsOf(sql);
  const ended = toEnd.filter((session) => !isAmong(after, session));
  const whyLeft = (session: HinderingSession) => {
    if (!isAmong(before, session)) return 'it was gone already';
    return isAmong(toEnd, session) ? `it was still there after ${goneWithinMs / 1_000} s` : 'it was no longer in the way';
  };
  const left = asked.filter((session) => !isAmong(ended, session)).map((session) => `${session.who}: ${whyLeft(session)}`);
  return { ended: ended.map(({ who }) => who), left };
}

function hinders(session: SessionSeen, rules: SessionRules, longerThanMs: number): boolean {
  return classOf(session, rules) === 'foreign' && session.writingForMs !== null && session.writingForMs > longerThanMs;
}

function hindering(session: SessionSeen): readonly HinderingSession[] {
  const { pid, startedAt, role } = session;
  return startedAt === null || spared.includes(role) ? [] : [{ pid, startedAt, who: whoIs(session) }];
}

function whoIs(session: SessionSeen): string {
  return `${sessionWords(session)}, pid ${session.pid}`;
}

type Known = Pick<SessionSeen, 'pid' | 'startedAt'>;
function isAmong(sessions: readonly Known[], { pid, startedAt }: Known): boolean {
  return sessions.some((one) => one.pid === pid && one.startedAt === startedAt);
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
