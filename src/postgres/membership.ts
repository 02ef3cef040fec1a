import { NeedsHuman } from '../errors.ts';
import { databaseOwner, majorVersion } from './catalogue.ts';
import { identifier } from './identifiers.ts';
import type { Side, Sql } from './types.ts';

export { majorVersion } from './catalogue.ts';

/** A membership that the bot gave its own user so that it may act for an owner; the ledger's entry by which it is taken back. */
export interface Membership {
  readonly side: Side;
  readonly role: string;
  readonly member: string;
}

/** May the session's user act as `role` already, or could it let itself? `joinable` needs CREATEROLE (≤ 15) or ADMIN on the role (≥ 16). */
export async function standing(sql: Sql, role: string): Promise<'usable' | 'joinable' | 'out-of-reach'> {
  const actsAs =
    (await majorVersion(sql)) >= 16
      ? `pg_has_role(current_user, r.oid, 'USAGE') and pg_has_role(current_user, r.oid, 'SET')`
      : `pg_has_role(current_user, r.oid, 'USAGE')`;
  const [row] = await sql.look<{ usable: boolean; joinable: boolean }>(
    `select ${actsAs} as usable,
            not r.rolsuper and not starts_with(r.rolname, 'pg_')
            and (pg_has_role(current_user, r.oid, 'MEMBER WITH ADMIN OPTION')
                 or (current_setting('server_version_num')::int < 160000 and me.rolcreaterole)) as joinable
       from pg_roles r, pg_roles me where r.rolname = $1 and me.rolname = current_user`,
    [role],
  );
  if (row?.usable) return 'usable';
  return row?.joinable ? 'joinable' : 'out-of-reach';
}

/**
 * Makes the session's user a member of every role that it cannot act as yet. `record` writes the whole list to the
 * ledger before each grant, so a crash leaves nothing unknown. On 16+ a membership carries its options: INHERIT to act, SET to hand objects over.
 * Without the right: NeedsHuman `postgres.cannot-join`.
 */
export async function joinRoles(
  sql: Sql,
  roles: readonly string[],
  ledger: readonly Membership[],
  record: (memberships: readonly Membership[]) => Promise<void>,
): Promise<readonly Membership[]> {
  let known = ledger;
  const me = await currentUser(sql);
  const major = await majorVersion(sql);
  for (const role of await joinTargets(sql, roles)) {
    const now = await standing(sql, role);
    if (now === 'usable') continue;
    if (now === 'out-of-reach')
      throw new NeedsHuman('postgres.cannot-join', `User ${me} may not become a member of ${role} on the ${sql.side}.`, {
        remedy: `As a user with ADMIN on that role run: ${joinSql(role, me, major)}; then retry.`,
      });
    if (!known.some((entry) => entry.side === sql.side && entry.role === role && entry.member === me)) {
      known = [...known, { side: sql.side, role, member: me }];
      await record(known);
    }
    await sql.change(joinSql(role, me, major));
  }
  return known;
}

/** What `joinRoles` would run, for a plan. */
export async function joinPlan(sql: Sql, roles: readonly string[]): Promise<readonly string[]> {
  const me = await currentUser(sql);
  const major = await majorVersion(sql);
  const plan: string[] = [];
  for (const role of await joinTargets(sql, roles)) if ((await standing(sql, role)) !== 'usable') plan.push(joinSql(role, me, major));
  return plan;
}

/** Takes memberships back, latest first; those that are gone already are left. */
export async function leaveRoles(sql: Sql, memberships: readonly Membership[]): Promise<void> {
  for (const one of [...memberships].reverse())
    if (await isHeld(sql, one)) await sql.change(`revoke ${identifier(one.role)} from ${identifier(one.member)}`);
}

/** Is it one of this server, still there, and the session's user's to take back? */
export async function isHeld(sql: Sql, { side, role, member }: Membership): Promise<boolean> {
  if (side !== sql.side) return false;
  const rows = await sql.look(
    `select from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles u on u.oid = m.member
      where r.rolname = $1 and u.rolname = $2
        and (current_setting('server_version_num')::int < 160000 or pg_has_role(current_user, m.grantor, 'USAGE'))`,
    [role, member],
  );
  return rows.length > 0;
}

export function joinSql(role: string, member: string, major: number): string {
  return `grant ${identifier(role)} to ${identifier(member)}${major >= 16 ? ' with inherit true, set true' : ''}`;
}

export async function currentUser(sql: Sql): Promise<string> {
  const [row] = await sql.look<{ me: string }>('select current_user as me');
  return row?.me ?? 'postgres';
}

/** `pg_database_owner` (owns schema public since 15) has exactly one member: the database's owner. */
async function joinTargets(sql: Sql, roles: readonly string[]): Promise<readonly string[]> {
  const resolved: string[] = [];
  for (const role of roles) resolved.push(role === 'pg_database_owner' ? await databaseOwner(sql) : role);
  return [...new Set(resolved)];
}

/**
 * Those of `roles` that the session's user may not act as yet. From 16 on membership alone is not enough for SET ROLE
 * and for inherited rights; both are asked for.
 */
export async function notYetMemberOf(sql: Sql, roles: readonly string[]): Promise<readonly string[]> {
  const asked =
    (await majorVersion(sql)) >= 16
      ? `pg_has_role(current_user, r.oid, 'SET') and pg_has_role(current_user, r.oid, 'USAGE')`
      : `pg_has_role(current_user, r.oid, 'MEMBER')`;
  const rows = await sql.look<{ role: string }>(
    `select r.rolname as role from pg_roles r where r.rolname = any ($1) and r.rolname <> current_user and not (${asked}) order by 1`,
    [roles],
  );
  return rows.map(({ role }) => role);
}

/** Makes the session's user a member of `roles`. Without the right: NeedsHuman `postgres.permission-denied`. */
export async function join(sql: Sql, roles: readonly string[]): Promise<void> {
  const options = (await majorVersion(sql)) >= 16 ? ' with inherit true, set true' : '';
  for (const role of roles) await sql.change(`grant ${identifier(role)} to current_user${options}`);
}

/** Ends memberships that `join` made, and no other grantor's; what is gone already is skipped. */
export async function leave(sql: Sql, roles: readonly string[]): Promise<void> {
  const present = await sql.look<{ role: string }>(
    `select r.rolname as role from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles me on me.oid = m.member
     where me.rolname = current_user and r.rolname = any ($1)
       and (current_setting('server_version_num')::int < 160000 or pg_has_role(current_user, m.grantor, 'USAGE')) group by 1`,
    [roles],
  );
  for (const { role } of present) await sql.change(`revoke ${identifier(role)} from current_user`);
}
