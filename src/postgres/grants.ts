import { databaseOwner, objectOwners, relations, schemas } from './catalogue.ts';
import { identifier, qualified } from './identifiers.ts';
import type { Sql } from './types.ts';

/** What the procedure's roles migrator calls a user: `[{ username, roleType }]`. */
export interface Grantee {
  readonly username: string;
  readonly roleType: 'read' | 'write';
}

/** Privileges as the predefined roles pg_read_all_data and pg_write_all_data have them. */
const tablePrivileges = { read: ['select'], write: ['select', 'insert', 'update', 'delete'] } as const;
const sequencePrivileges = { read: ['select'], write: ['select', 'usage', 'update'] } as const;

/** Everything a user needs in one schema: USAGE, the tables and sequences that exist, and those that each owner will create. */
export function schemaGrants(
  schema: string,
  grantee: Grantee,
  owners: readonly string[],
  options: { readonly onlyTables?: readonly string[] } = {},
): readonly string[] {
  const user = identifier(grantee.username);
  const within = identifier(schema);
  const onTables = tablePrivileges[grantee.roleType].join(', ');
  const onSequences = sequencePrivileges[grantee.roleType].join(', ');
  const listed = options.onlyTables;
  const tables = listed === undefined ? `all tables in schema ${within}` : listed.map((name) => qualified(schema, name)).join(', ');
  return [
    `grant usage on schema ${within} to ${user}`,
    ...(listed?.length === 0 ? [] : [`grant ${onTables} on ${tables} to ${user}`]),
    `grant ${onSequences} on all sequences in schema ${within} to ${user}`,
    ...owners
      .filter((owner) => owner !== grantee.username)
      .flatMap((owner) => [
        `alter default privileges for role ${identifier(owner)} in schema ${within} grant ${onTables} on tables to ${user}`,
        `alter default privileges for role ${identifier(owner)} in schema ${within} grant ${onSequences} on sequences to ${user}`,
      ]),
  ];
}

/** The reverse of `scopeGrants`. */
export function scopeRevokes(scope: GrantScope, usernames: readonly string[]): readonly string[] {
  return usernames.flatMap((username) => [
    ...scope.schemas.flatMap((schema) => schemaRevokes(schema, username, scope.owners)),
    `revoke connect on database ${identifier(scope.database)} from ${identifier(username)}`,
  ]);
}

/** The reverse of `schemaGrants`, defaults first. */
function schemaRevokes(schema: string, username: string, owners: readonly string[]): readonly string[] {
  const user = identifier(username);
  const within = identifier(schema);
  return [
    ...owners.flatMap((owner) => [
      `alter default privileges for role ${identifier(owner)} in schema ${within} revoke all on tables from ${user}`,
      `alter default privileges for role ${identifier(owner)} in schema ${within} revoke all on sequences from ${user}`,
    ]),
    `revoke all on all tables in schema ${within} from ${user}`,
    `revoke all on all sequences in schema ${within} from ${user}`,
    `revoke all on schema ${within} from ${user}`,
  ];
}

export type Missing = { readonly username: string; readonly object: string; readonly privilege: string };

/**
 * The privilege matrix: what the users still lack on schemas, tables, views and sequences, inherited rights counted
 * (`has_*_privilege`), and in the default privileges of each owner. Empty: everything is granted.
 */
export async function missingPrivileges(
  sql: Sql,
  request: { readonly users: readonly Grantee[]; readonly schemas: readonly string[]; readonly owners: readonly string[] },
): Promise<readonly Missing[]> {
  const missing: Missing[] = [];
  for (const { username, roleType } of request.users) {
    const rows = await sql.look<{ object: string; privilege: string }>(
      `with own as (
         select c.oid, c.relkind, n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = any($2) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relpersistence <> 't'
            and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
       )
       select format('database %I', current_database()) as object, 'connect' as privilege where not has_database_privilege($1, current_database(), 'connect')
       union all
       select format('schema %I', n.nspname) as object, 'usage' as privilege from pg_namespace n
        where n.nspname = any($2) and not has_schema_privilege($1, n.oid, 'usage')
       union all
       select format('%I.%I', nspname, relname), p from own, unnest($3::text[]) p where relkind <> 'S' and not has_table_privilege($1, oid, p)
       union all
       select format('sequence %I.%I', nspname, relname), p from own, unnest($4::text[]) p where relkind = 'S' and not has_sequence_privilege($1, oid, p)
       union all
       select format('defaults of %I in schema %I', o, s), format('%s on %s', p, case k when 'r' then 'tables' else 'sequences' end)
         from unnest($5::text[]) o, unnest($2::text[]) s,
              lateral (select 'r' as k, unnest($3::text[]) as p union all select 'S', unnest($4::text[])) wanted
        where o <> $1 and exists (select from pg_namespace where nspname = s) and exists (select from pg_roles where rolname = o)
          and not exists (
              select from pg_default_acl a left join pg_namespace n on n.oid = a.defaclnamespace, lateral aclexplode(a.defaclacl) e
               where a.defaclrole = (select oid from pg_roles where rolname = o) and (n.nspname = s or a.defaclnamespace = 0)
                 and a.defaclobjtype::text = k and lower(e.privilege_type) = p and (e.grantee = 0 or pg_has_role($1, e.grantee, 'USAGE')))
       order by 1, 2`,
      [username, request.schemas, tablePrivileges[roleType], sequencePrivileges[roleType], request.owners],
    );
    missing.push(...rows.map((row) => ({ username, ...row })));
  }
  return missing;
}

/** What must be known of a database to write its grants. */
export interface GrantScope {
  readonly database: string;
  readonly schemas: readonly string[];
  /** Whose default privileges are set: owners of relations and routines in the schemas. */
  readonly owners: readonly string[];
  /** Whose rights the grantor needs: those owners, the schemas' and the database's. */
  readonly grantors: readonly string[];
  /** By schema: the relations to name one by one, because an extension's relation there cannot be granted on. */
  readonly listed: Readonly<Record<string, readonly string[]>>;
}

/** Reads the scope. `inSchemas` that do not exist are left out; absent: every schema of the database's own. */
export async function grantScope(sql: Sql, inSchemas?: readonly string[]): Promise<GrantScope> {
  const all = await schemas(sql);
  const wanted = all.filter((schema) => inSchemas === undefined || inSchemas.includes(schema.name));
  const names = wanted.map((schema) => schema.name);
  const owners = await objectOwners(sql, names);
  const foreign = await sql.look<{ schema: string }>(
    `select distinct n.nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
       join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
      where n.nspname = any($1) and c.relkind in ('r', 'p', 'v', 'm', 'f') and not pg_has_role(current_user, c.relowner, 'USAGE')`,
    [names],
  );
  const listed: Record<string, readonly string[]> = {};
  for (const { schema } of foreign)
    listed[schema] = (await relations(sql, ['r', 'p', 'v', 'm', 'f'], [schema])).map((relation) => relation.name);
  const grantors = [...new Set([...owners, ...wanted.map((schema) => schema.owner), await databaseOwner(sql)])];
  return { database: sql.database, schemas: names, owners, grantors, listed };
}

/** The statements of a scope, in the order in which they run. Pure. */
export function scopeGrants(scope: GrantScope, users: readonly Grantee[]): readonly string[] {
  return users.flatMap((user) => [
    `grant connect on database ${identifier(scope.database)} to ${identifier(user.username)}`,
    ...scope.schemas.flatMap((schema) => {
      const listed = scope.listed[schema];
      return schemaGrants(schema, user, scope.owners, listed ? { onlyTables: listed } : {});
    }),
  ]);
}
