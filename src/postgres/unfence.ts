import { NeedsHuman } from '../errors.ts';
import {
  type ConnectGrant,
  closeMirror,
  connectGrants,
  type FencedDatabase,
  type FenceLedger,
  granteeSql,
  sameGrants,
} from './fence-ledger.ts';
import { identifier } from './identifiers.ts';
import { join, leave, notYetMemberOf } from './membership.ts';
import type { Sql } from './types.ts';

/**
 * Takes the fence down: LOGIN, every CONNECT as it was by the same grantor, the bot's memberships. Needs nothing but the
 * ledger and a session of the bot's user in database `postgres` of the fenced instance. Harmless where half of the fence was
 * never put up or is down already; databases and roles that are gone meanwhile are left out.
 * What does not come out as recorded: NeedsHuman `fence.not-restored`.
 */
export async function unfence(sql: Sql, run: string, ledger: FenceLedger): Promise<void> {
  const closed = await sql.look<{ role: string }>('select rolname as role from pg_roles where not rolcanlogin and rolname = any ($1)', [
    ledger.roles,
  ]);
  for (const { role } of closed) await sql.change(`alter role ${identifier(role)} login`);
  const wrong = await notAsBefore(sql, ledger);
  if (wrong.length > 0)
    await join(
      sql,
      await notYetMemberOf(sql, [
        ...new Set(wrong.flatMap(({ now, entry }) => [now.owner, ...entry.grants.map(({ grantor }) => grantor)])),
      ]),
    );
  for (const { entry, now } of wrong) await restoreConnect(sql, entry, now);
  const left = await notAsBefore(sql, ledger);
  if (left.length > 0)
    throw new NeedsHuman(
      'fence.not-restored',
      `CONNECT on ${left.map(({ entry }) => `database ${entry.name}`).join(', ')} of the ${sql.side} is not as it was before the fence.`,
      {
        remedy: `Restore it by hand from the ledger (${left.map(({ entry }) => `${entry.name}: ${entry.acl ?? 'the default'}`).join('; ')}), then press Retry.`,
      },
    );
  await leave(sql, ledger.memberships);
  await closeMirror(sql, run);
}

/** What still differs from the ledger, as sentences; empty: the writes are back. */
export async function unfenced(sql: Sql, ledger: FenceLedger): Promise<readonly string[]> {
  const closed = await sql.look<{ role: string }>(
    'select rolname as role from pg_roles where not rolcanlogin and rolname = any ($1) order by 1',
    [ledger.roles],
  );
  return [
    ...closed.map(({ role }) => `${role} may not log in`),
    ...(await notAsBefore(sql, ledger)).map(({ entry }) => `CONNECT on database ${entry.name} differs`),
  ];
}

interface Wrong {
  readonly entry: FencedDatabase;
  readonly now: FencedDatabase;
}

/** Grants to or by roles that were dropped meanwhile cannot come back. */
async function notAsBefore(sql: Sql, ledger: FenceLedger): Promise<readonly Wrong[]> {
  const roles = new Set((await sql.look<{ role: string }>('select rolname as role from pg_roles')).map(({ role }) => role));
  const current = new Map((await connectGrants(sql)).map((database) => [database.name, database]));
  return ledger.databases.flatMap((recorded) => {
    const now = current.get(recorded.name);
    if (!now) return [];
    const grants = recorded.grants.filter(({ grantee, grantor }) => (grantee === null || roles.has(grantee)) && roles.has(grantor));
    return sameGrants(grants, now.grants) ? [] : [{ entry: { ...recorded, grants }, now }];
  });
}

/** In one transaction: everything away, then the recorded grants, each as its grantor and after the grant that let him grant; those alike in one statement. */
async function restoreConnect(sql: Sql, { owner, grants }: FencedDatabase, now: FencedDatabase): Promise<void> {
  const database = identifier(now.name);
  const grantees = [...new Set(now.grants.map(({ grantee }) => grantee))];
  await sql.transaction(async (tx) => {
    await tx.change(`set local role ${identifier(now.owner)}`);
    if (grantees.length > 0) await tx.change(`revoke connect on database ${database} from ${grantees.map(granteeSql).join(', ')} cascade`);
    const able = new Set([owner]);
    let acting = owner;
    let waiting = [...grants];
    while (waiting.length > 0) {
      const turn = waiting.filter(({ grantor }) => able.has(grantor));
      if (turn.length === 0) break;
      for (const { grantor, grantable } of turn.filter((grant, i) => turn.findIndex((other) => isAlike(other, grant)) === i)) {
        const alike = turn.filter((grant) => isAlike(grant, { grantor, grantable }));
        if (grantor !== acting) {
          await tx.change('reset role');
          await tx.change(`set local role ${identifier(grantor === owner ? now.owner : grantor)}`);
          acting = grantor;
        }
        const to = alike.map(({ grantee }) => granteeSql(grantee)).join(', ');
        await tx.change(`grant connect on database ${database} to ${to}${grantable ? ' with grant option' : ''}`);
        if (grantable) for (const { grantee } of alike) if (grantee !== null) able.add(grantee);
      }
      waiting = waiting.filter((grant) => !turn.includes(grant));
    }
  });
}

function isAlike(left: Pick<ConnectGrant, 'grantor' | 'grantable'>, right: Pick<ConnectGrant, 'grantor' | 'grantable'>): boolean {
  return left.grantor === right.grantor && left.grantable === right.grantable;
}
