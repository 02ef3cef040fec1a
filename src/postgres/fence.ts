import { NeedsHuman } from '../errors.ts';
import { sqlState } from './errors.ts';
import { connectGrants, type FenceLedger, granteeSql, mergeLedger, mirrorLedger } from './fence-ledger.ts';
import { type FenceProof, type Login, proveFence } from './fence-proof.ts';
import { identifier } from './identifiers.ts';
import { join, majorVersion, notYetMemberOf } from './membership.ts';
import { whyItMightWrite } from './reader-proof.ts';
import { classOf, endSessions, letConnectingFinish, type SessionRules, sessionsOf, sessionWords, systemRoles } from './sessions.ts';
import type { Postgres, Side, Sql } from './types.ts';

export interface FenceRequest {
  readonly postgres: Postgres;
  /** Which instance is closed; absent: the source. */
  readonly side?: Side;
  readonly run: string;
  /** The service's databases: their row counters must stand still; proven readers keep CONNECT on them. */
  readonly databases: readonly string[];
  /** Users that keep CONNECT: the migration's and the way back's. */
  readonly keep: readonly string[];
  /** Roles of type `read`: they stay if they are proven unable to write, else they are fenced like everybody. */
  readonly readers: readonly string[];
  /** Roles whose password the bot holds: each is tried, and must be refused. They may still be on their way while doors are closed. */
  readonly logins: readonly Login[] | Promise<readonly Login[]>;
  /** False: rows may be written all the same, by the way back. Default true. */
  readonly watchRows?: boolean;
  /** What an earlier, unfinished attempt recorded. */
  readonly ledger: FenceLedger | undefined;
  /** Called before anything is changed, and again whenever more is about to be. */
  save(ledger: FenceLedger): Promise<void>;
  readonly signal: AbortSignal;
}
export interface Fenced {
  readonly proof: FenceProof;
  readonly ledger: FenceLedger;
  /** `role (application, address)` of every session that was ended. */
  readonly disconnected: readonly string[];
  readonly readers: readonly string[];
  /** Reader → why it was fenced all the same. */
  readonly fencedReaders: Readonly<Record<string, string>>;
}
const rounds = 5;
const goneWithinMs = 5_000;

/**
 * Closes an instance to everybody but the migration and the way back: ledger, CONNECT, NOLOGIN, sessions ended twice, and the proof; again
 * from the ledger on while the proof finds a gap that another round can close (an owner who gave himself back CONNECT from a
 * session that was still open, a role made meanwhile). Runs as the bot's user in database `postgres`: databases and roles
 * are shared by all databases. What stays open: NeedsHuman `fence.open`; the caller gives the writes back.
 */
export async function fence(request: FenceRequest): Promise<Fenced> {
  const { postgres, databases, keep } = request;
  const side = request.side ?? 'source';
  const logins = Promise.resolve(request.logins);
  // Thrown where it is awaited, after the doors are closed.
  logins.catch(() => undefined);
  const sql = await postgres.database(side, 'postgres');
  const verdicts = await Promise.all(
    request.readers.map(async (role) => [role, await whyItMightWrite(postgres, side, role, databases)] as const),
  );
  const readers = verdicts.flatMap(([role, why]) => (why === undefined ? [role] : []));
  const fencedReaders = Object.fromEntries(verdicts.flatMap(([role, why]) => (why === undefined ? [] : [[role, why]])));
  const disconnected = new Set<string>();
  const rules: SessionRules = { keep, readers };
  let ledger = request.ledger;
  for (let round = 1; ; round += 1) {
    request.signal.throwIfAborted();
    ledger = await planned(sql, ledger, rules);
    await mirrorLedger(sql, request.run, ledger);
    await request.save(ledger);
    await closeConnect(sql, ledger, { ...rules, databases });
    await closeLogins(sql, ledger.roles);
    for (let time = 0; time < 2; time += 1) {
      await letConnectingFinish(sql, goneWithinMs);
      const foreign = (await sessionsOf(sql)).filter((session) => classOf(session, rules) === 'foreign');
      for (const session of foreign) disconnected.add(sessionWords(session));
      await endSessions(sql, foreign, goneWithinMs);
    }
    const proof = await proveFence({ ...request, logins: await logins, readers, disconnected: [...disconnected] });
    if (proof.gaps.length === 0) return { proof, ledger, disconnected: [...disconnected], readers, fencedReaders };
    if (round >= rounds || !proof.closable)
      throw new NeedsHuman('fence.open', `The ${side} is not closed to writers: ${proof.gaps.join('; ')}.`, {
        remedy: 'End or stop what is named, then start the cutover again; the writes are given back meanwhile.',
      });
  }
}

/** Who and what is to be closed now, merged with what was recorded before. */
async function planned(sql: Sql, before: FenceLedger | undefined, { keep, readers }: SessionRules): Promise<FenceLedger> {
  const [me] = await sql.look<{ name: string }>('select current_user::text as name');
  const bot = me?.name ?? 'postgres';
  const databases = await connectGrants(sql);
  const owners = [...new Set(databases.flatMap(({ owner, grants }) => [owner, ...grants.map(({ grantor }) => grantor)]))];
  // Before 16 CREATEROLE may alter every role without SUPERUSER and REPLICATION; from 16 on only those it has ADMIN on.
  const admin = (await majorVersion(sql)) >= 16 ? `pg_has_role(current_user, r.oid, 'MEMBER WITH ADMIN OPTION')` : 'true';
  const roles = await sql.look<{ role: string }>(
    `select r.rolname as role from pg_roles r, pg_roles me where me.rolname = current_user and r.rolcanlogin and r.oid <> me.oid
       and r.rolname <> all ($1) and (me.rolsuper or (me.rolcreaterole and not r.rolsuper and not r.rolreplication and ${admin})) order by 1`,
    [[...systemRoles, ...keep, ...readers]],
  );
  return mergeLedger(before, { bot, databases, roles: roles.map(({ role }) => role), memberships: await notYetMemberOf(sql, owners) });
}

/**
 * As each database's owner: only what the owner granted can be taken away by the owner, and CASCADE takes with it what
 * others granted on. The explicit grants come first, or the bot would shut itself out.
 */
async function closeConnect(
  sql: Sql,
  ledger: FenceLedger,
  { keep, readers, databases }: SessionRules & { readonly databases: readonly string[] },
): Promise<void> {
  const current = await connectGrants(sql);
  await join(sql, await notYetMemberOf(sql, [...new Set(current.map(({ owner }) => owner))]));
  const present = await sql.look<{ role: string }>('select rolname as role from pg_roles where rolname = any ($1)', [
    [ledger.bot, ...keep, ...readers],
  ]);
  const there = new Set(present.map(({ role }) => role));
  for (const { name, owner, grants } of current) {
    const original = ledger.databases.find((entry) => entry.name === name)?.grants ?? [];
    // A reader keeps what it had, in the service's databases only.
    const hadIt = (role: string) => original.some(({ grantee }) => grantee === null || grantee === role);
    const open = [ledger.bot, ...keep, ...(databases.includes(name) ? readers.filter(hadIt) : [])].filter((role) => there.has(role));
    const grantees = [...new Set(grants.map(({ grantee }) => grantee))].filter((grantee) => grantee === null || !open.includes(grantee));
    const missing = open.filter((role) => !grants.some(({ grantee, grantor }) => grantee === role && grantor === owner));
    if (grantees.length === 0 && missing.length === 0) continue;
    const close = () =>
      sql.transaction(async (tx) => {
        await tx.change(`set local role ${identifier(owner)}`);
        if (missing.length > 0) await tx.change(`grant connect on database ${identifier(name)} to ${missing.map(identifier).join(', ')}`);
        if (grantees.length > 0)
          await tx.change(`revoke connect on database ${identifier(name)} from ${grantees.map(granteeSql).join(', ')} cascade`);
      });
    await unlessContended(close);
  }
}

async function closeLogins(sql: Sql, roles: readonly string[]): Promise<void> {
  const open = await sql.look<{ role: string }>('select rolname as role from pg_roles where rolcanlogin and rolname = any ($1)', [roles]);
  for (const { role } of open) await unlessContended(() => sql.change(`alter role ${identifier(role)} nologin`));
}

/**
 * Two who change the ACL of one database, or one role, at the same time: the later one fails with XX000, "tuple concurrently updated".
 * After a few tries it is left to the next round, when the other one's sessions are gone; the proof sees the gap.
 */
async function unlessContended(work: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < 5; time += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (!(error instanceof Error && sqlState(error) === 'XX000' && /tuple concurrently/.test(error.message))) throw error;
    }
  }
}
