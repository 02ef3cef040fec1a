import { NeedsHuman } from '../errors.ts';
import { roleExists } from './catalogue.ts';
import { type Grantee, type GrantScope, grantScope, type Missing, missingPrivileges, scopeGrants, scopeRevokes } from './grants.ts';
import { identifier } from './identifiers.ts';
import { currentUser, joinPlan, joinRoles, type Membership } from './membership.ts';
import { describeMissing } from './roles-migrator.ts';
import type { Sql } from './types.ts';

/** The user of the connection profile of the source: the procedure's name. */
export const migrationUser = 'migration';
const reader: Grantee = { username: migrationUser, roleType: 'read' };
const rounds = 3;

export interface MigrationScope {
  readonly schemas: readonly string[];
  /** Who writes there: pglogical's truncate trigger runs as them. */
  readonly applicationUsers: readonly string[];
}
export type RecordMemberships = (memberships: readonly Membership[]) => Promise<void>;

/** The procedure's SQL for one database, in its order. `plain`: a statement; `patched`: one of those that Cloud SQL opens to `postgres`. */
export async function migrationGrants(
  sql: Sql,
  want: MigrationScope,
): Promise<{ readonly patched: readonly string[]; readonly plain: readonly string[]; readonly joins: readonly string[] }> {
  const scope = await scopeOf(sql, want);
  const user = identifier(migrationUser);
  const [state] = await sql.look<{ extension: boolean; replication: boolean }>(
    `select exists (select from pg_extension where extname = 'pglogical') as extension,
            coalesce((select rolreplication from pg_roles where rolname = $1), false) as replication`,
    [migrationUser],
  );
  return {
    patched: [
      ...(state?.extension ? [] : ['create extension if not exists pglogical']),
      ...(state?.replication ? [] : [`alter user ${user} with replication`]),
    ],
    joins: await joinPlan(sql, scope.grantors),
    plain: [
      `grant usage on schema pglogical to ${user}`,
      `grant select on all tables in schema pglogical to ${user}`,
      ...(await existing(sql, want.applicationUsers)).map((name) => `grant usage on schema pglogical to ${identifier(name)}`),
      ...scopeGrants(scope, [reader]),
    ],
  };
}

/** What the migration's user still lacks, `has_table_privilege` over every table; a user that does not exist lacks everything. */
export async function migrationLacks(sql: Sql, want: MigrationScope): Promise<readonly Missing[]> {
  if (!(await roleExists(sql, migrationUser))) return [{ username: migrationUser, object: 'the server', privilege: 'login' }];
  const scope = await scopeOf(sql, want);
  const pglogical = await sql.look<{ username: string; object: string; privilege: string }>(
    `select $1::text as username, 'the server' as object, 'replication' as privilege from pg_roles where rolname = $1 and not rolreplication
     union all select $1, 'extension pglogical', 'usage' where not exists (select from pg_extension where extname = 'pglogical')
     union all select u, 'schema pglogical', 'usage' from unnest($2::text[]) u, pg_namespace n where nspname = 'pglogical' and not has_schema_privilege(u, n.oid, 'usage')
     union all select $1, format('pglogical.%I', relname), 'select' from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = 'pglogical' and relkind in ('r', 'v') and not has_table_privilege($1, c.oid, 'select')`,
    [migrationUser, [migrationUser, ...(await existing(sql, want.applicationUsers))]],
  );
  return [...pglogical, ...(await missingPrivileges(sql, { users: [reader], schemas: scope.schemas, owners: scope.owners }))];
}

/** Runs it, as a member of every owner's role. Something left afterwards: NeedsHuman `postgres.grants-incomplete`. */
export async function grantMigration(
  sql: Sql,
  want: MigrationScope,
  ledger: readonly Membership[],
  record: RecordMemberships,
): Promise<readonly Membership[]> {
  for (const statement of (await migrationGrants(sql, want)).patched) await sql.patched(statement);
  const memberships = await joinRoles(sql, (await scopeOf(sql, want)).grantors, ledger, record);
  // A table that somebody creates while the transaction is open gets neither its grants nor its defaults: the next round finds it.
  for (let round = 1; ; round += 1) {
    const { plain } = await migrationGrants(sql, want);
    await sql.transaction(async (inside) => {
      for (const statement of plain) await inside.change(statement);
    });
    const lacks = await migrationLacks(sql, want);
    if (lacks.length === 0) break;
    if (round === rounds)
      throw new NeedsHuman('postgres.grants-incomplete', `On the ${sql.side}, database ${sql.database}, ${describeMissing(lacks)}.`, {
        remedy: 'Look who owns these objects, grant the right as that owner, then press Retry.',
      });
  }
  return memberships;
}

/** Takes it back. `dropExtension`: the bot made it; what the migration job left in it goes with it. */
export async function revokeMigration(
  sql: Sql,
  want: MigrationScope,
  options: { readonly dropExtension: boolean; readonly ledger: readonly Membership[]; readonly record: RecordMemberships },
): Promise<readonly Membership[]> {
  const scope = await scopeOf(sql, want);
  const memberships = await joinRoles(sql, scope.grantors, options.ledger, options.record);
  if (await roleExists(sql, migrationUser))
    await sql.transaction(async (inside) => {
      for (const statement of scopeRevokes(scope, [migrationUser])) await inside.change(statement);
    });
  const [extension] = await sql.look(`select from pg_extension where extname = 'pglogical'`);
  if (options.dropExtension && extension) await sql.change('drop extension pglogical cascade');
  // CREATE EXTENSION makes the schema and DROP EXTENSION leaves it (15 and 17), with the rights that keep the user from being dropped.
  const [schema] = await sql.look<{ own: boolean }>(
    `select pg_has_role(current_user, nspowner, 'USAGE') as own from pg_namespace where nspname = 'pglogical'`,
  );
  if (options.dropExtension && schema?.own) await sql.change('drop schema pglogical');
  else if (schema && (await roleExists(sql, migrationUser))) {
    await sql.change(`revoke select on all tables in schema pglogical from ${identifier(migrationUser)}`);
    await sql.change(`revoke usage on schema pglogical from ${identifier(migrationUser)}`);
  }
  return memberships;
}

/** The bot's user is among the owners: the procedure's ALTER DEFAULT PRIVILEGES without FOR ROLE means what it creates itself. */
async function scopeOf(sql: Sql, want: MigrationScope): Promise<GrantScope> {
  const scope = await grantScope(sql, want.schemas);
  return { ...scope, owners: [...new Set([await currentUser(sql), ...scope.owners])] };
}

async function existing(sql: Sql, users: readonly string[]): Promise<readonly string[]> {
  const rows = await sql.look<{ name: string }>('select rolname as name from pg_roles where rolname = any($1) order by 1', [users]);
  return rows.map((row) => row.name);
}
