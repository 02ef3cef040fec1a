import { NeedsHuman } from '../errors.ts';
import { openServer } from './dsn.ts';
import { type Grantee, grantScope, type Missing, missingPrivileges, scopeGrants } from './grants.ts';
import { joinPlan, joinRoles, leaveRoles, type Membership } from './membership.ts';
import type { Sql } from './types.ts';

export interface RolesPlan {
  /** Memberships that the grants need, then the grants. Empty: every user has everything. */
  readonly statements: readonly string[];
  readonly missing: readonly Missing[];
}

/** What `grantRoles` would run in this database: the grants of the users that lack something, whole. */
export async function rolesPlan(sql: Sql, users: readonly Grantee[], schemas?: readonly string[]): Promise<RolesPlan> {
  const scope = await grantScope(sql, schemas);
  const missing = await missingPrivileges(sql, { users, schemas: scope.schemas, owners: scope.owners });
  const lacking = users.filter((user) => missing.some((entry) => entry.username === user.username));
  if (lacking.length === 0) return { statements: [], missing };
  return { statements: [...(await joinPlan(sql, scope.grantors)), ...scopeGrants(scope, lacking)], missing };
}

/**
 * Gives each user `read` or `write` in the schemas (default: all of the database's own), what exists and what each
 * owner will create, in one transaction, and verifies it with the privilege matrix: NeedsHuman `postgres.grants-incomplete`.
 */
export async function grantRoles(
  sql: Sql,
  users: readonly Grantee[],
  options: {
    readonly schemas?: readonly string[];
    readonly ledger: readonly Membership[];
    readonly record: (memberships: readonly Membership[]) => Promise<void>;
  },
): Promise<readonly Membership[]> {
  const reach = await grantScope(sql, options.schemas);
  const memberships = await joinRoles(sql, reach.grantors, options.ledger, options.record);
  // Read again: as a member the bot may grant on what it had to leave out before.
  const scope = await grantScope(sql, options.schemas);
  await sql.transaction(async (inside) => {
    // A user's grants in one message: one by one they cost the write stop dozens of round trips.
    for (const user of users) await inside.change(scopeGrants(scope, [user]).join(';\n'));
  });
  const missing = await missingPrivileges(sql, { users, schemas: scope.schemas, owners: scope.owners });
  if (missing.length > 0)
    throw new NeedsHuman('postgres.grants-incomplete', `On the ${sql.side}, database ${sql.database}, ${describeMissing(missing)}.`, {
      remedy: 'Look who owns these objects, grant the rights as that owner, then retry.',
    });
  return memberships;
}

/** "bigquery lacks select on public.a (and 12 more)" */
export function describeMissing(missing: readonly Missing[]): string {
  const [first] = missing;
  if (!first) return 'nothing is missing';
  return `${first.username} lacks ${first.privilege} on ${first.object}${missing.length > 1 ? ` (and ${missing.length - 1} more)` : ''}`;
}

export interface RolesReport {
  readonly database: string;
  readonly statements: readonly string[];
  /** Before anything was run. */
  readonly missing: readonly Missing[];
}

/**
 * The procedure's roles migrator by itself: the DSN's database, as the DSN's user. `dryRun` only tells the SQL.
 * Memberships that it needed are taken back at the end.
 */
export async function migrateRoles(request: {
  readonly dsn: string;
  readonly users: readonly Grantee[];
  readonly schemas?: readonly string[];
  readonly dryRun: boolean;
}): Promise<RolesReport> {
  const server = openServer({
    dsn: request.dsn,
    side: 'destination',
    applicationName: 'pgupgrade/migrate-roles',
    readOnly: request.dryRun,
  });
  try {
    const sql = await server.database(server.named);
    await requireRoles(sql, request.users);
    const plan = await rolesPlan(sql, request.users, request.schemas);
    if (!request.dryRun && plan.statements.length > 0) {
      let joined: readonly Membership[] = [];
      const record = async (memberships: readonly Membership[]) => {
        joined = memberships;
      };
      try {
        await grantRoles(sql, request.users, { ...(request.schemas ? { schemas: request.schemas } : {}), ledger: [], record });
      } finally {
        await leaveRoles(sql, joined);
      }
    }
    return { database: server.named, ...plan };
  } finally {
    await server.close();
  }
}

async function requireRoles(sql: Sql, users: readonly Grantee[]): Promise<void> {
  const names = users.map((user) => user.username);
  const rows = await sql.look<{ name: string }>(
    'select name from unnest($1::text[]) name where name not in (select rolname from pg_roles)',
    [names],
  );
  if (rows.length > 0)
    throw new NeedsHuman('postgres.role-missing', `There is no role ${rows.map((row) => row.name).join(', ')} on the ${sql.side}.`, {
      remedy: 'Create the users first, then retry.',
    });
}
