import { roleExists } from './catalogue.ts';
import { type Grantee, grantScope, scopeGrants } from './grants.ts';
import { identifier } from './identifiers.ts';
import { joinPlan, joinRoles, type Membership } from './membership.ts';
import { reassignOwned, reassignPlan } from './ownership-migrator.ts';
import { grantRoles, rolesPlan } from './roles-migrator.ts';
import type { Sql } from './types.ts';

export interface HandOver {
  readonly from: string;
  readonly to: string;
  /** Schemas where `to` creates things and `users` have rights; none: only the ownership moves. */
  readonly schemas: readonly string[];
  readonly users: readonly Grantee[];
}

/** Ownership, CREATE for the new owner, then grants and default privileges FOR ROLE that owner: what is still to do in this database. */
export async function handOverPlan(sql: Sql, want: HandOver): Promise<readonly string[]> {
  const reassign = (await roleExists(sql, want.from)) ? await reassignPlan(sql, want.from, want.to) : [];
  if (want.schemas.length === 0) return reassign.length === 0 ? [] : [...(await joinPlan(sql, [want.from, want.to])), ...reassign];
  const create = await missingCreate(sql, want);
  if (reassign.length === 0) return [...create, ...(await rolesPlan(sql, want.users, want.schemas)).statements];
  const scope = await grantScope(sql, want.schemas);
  const owners = [...new Set([...scope.owners.filter((owner) => owner !== want.from), want.to])];
  const joins = await joinPlan(sql, [want.from, want.to, ...scope.grantors]);
  return [...joins, ...reassign, ...create, ...scopeGrants({ ...scope, owners }, want.users)];
}

/** Runs it. Each part verifies itself: nothing is owned by `from` any more, and the privilege matrix is complete. */
export async function handOver(
  sql: Sql,
  want: HandOver,
  ledger: readonly Membership[],
  record: (memberships: readonly Membership[]) => Promise<void>,
): Promise<readonly Membership[]> {
  let memberships = ledger;
  if (await roleExists(sql, want.from))
    memberships = await reassignOwned(sql, { from: want.from, to: want.to, ledger: memberships, record });
  if (want.schemas.length === 0) return memberships;
  const scope = await grantScope(sql, want.schemas);
  memberships = await joinRoles(sql, [want.to, ...scope.grantors], memberships, record);
  for (const statement of await missingCreate(sql, want)) await sql.change(statement);
  return grantRoles(sql, want.users, { schemas: want.schemas, ledger: memberships, record });
}

/** The owner's first new partition needs CREATE on its schema; before the hand-over only what its role will not get by owning is named. */
async function missingCreate(sql: Sql, want: HandOver): Promise<readonly string[]> {
  const rows = await sql.look<{ name: string }>(
    `select n.nspname as name from pg_namespace n, pg_database d
      where d.datname = current_database() and n.nspname = any($1) and not has_schema_privilege($2, n.oid, 'create')
        and pg_get_userbyid(n.nspowner) <> $3 and not (pg_get_userbyid(n.nspowner) = 'pg_database_owner' and pg_get_userbyid(d.datdba) = $3) order by 1`,
    [want.schemas, want.to, want.from],
  );
  return rows.map((row) => `grant usage, create on schema ${identifier(row.name)} to ${identifier(want.to)}`);
}
