import { identifier } from './identifiers.ts';
import type { Sql } from './types.ts';

/** The server's major version. */
export async function majorVersion(sql: Sql): Promise<number> {
  const [row] = await sql.look<{ major: number }>(`select current_setting('server_version_num')::int / 10000 as major`);
  return row?.major ?? 0;
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

/** Ends memberships that `join` made; roles that are gone are skipped. */
export async function leave(sql: Sql, roles: readonly string[]): Promise<void> {
  const present = await sql.look<{ role: string }>(
    `select r.rolname as role from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles me on me.oid = m.member
     where me.rolname = current_user and r.rolname = any ($1) group by 1`,
    [roles],
  );
  for (const { role } of present) await sql.change(`revoke ${identifier(role)} from current_user`);
}
