import type { Sql } from './types.ts';

/** Relations that the service made: no system schema, nothing of an extension, not the replication's own tables. */
const ownSchemas = `n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'pglogical', 'pglogical_origin')`;
const notOfExtension = (classid: string, objid: string) =>
  `not exists (select from pg_depend d where d.classid = '${classid}'::regclass and d.objid = ${objid} and d.deptype = 'e')`;

export type Named = {
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
};
export type TableEntry = Named & {
  /** `p`: partitioned, holds no rows itself. */
  readonly kind: 'r' | 'p';
  readonly primaryKey: boolean;
  readonly persistence: 'p' | 'u';
  readonly replicaIdentity: 'd' | 'n' | 'f' | 'i';
  readonly rowSecurity: boolean;
  readonly bytes: number;
};
export type ConstraintEntry = {
  readonly schema: string;
  readonly table: string;
  readonly name: string;
  readonly owner: string;
  readonly kind: 'u' | 'p' | 'x';
  /** Exactly as `pg_get_constraintdef` says it. */
  readonly definition: string;
};

/** The major version of the server, e.g. 15; asked once a session. */
export async function majorVersion(sql: Sql): Promise<number> {
  const known = majors.get(sql);
  if (known !== undefined) return known;
  const [row] = await sql.look<{ major: number }>(`select current_setting('server_version_num')::int / 10000 as major`);
  const major = row?.major ?? 0;
  majors.set(sql, major);
  return major;
}
const majors = new WeakMap<Sql, number>();

/** The database's own schemas, in alphabetical order. */
export async function schemas(sql: Sql): Promise<readonly { readonly name: string; readonly owner: string }[]> {
  return sql.look<{ name: string; owner: string }>(
    `select n.nspname as name, pg_get_userbyid(n.nspowner) as owner from pg_namespace n
      where ${ownSchemas} and ${notOfExtension('pg_namespace', 'n.oid')} order by 1`,
  );
}

/** Tables and partitioned tables of the given schemas (default: all of the database's own). */
export async function tables(sql: Sql, inSchemas?: readonly string[]): Promise<readonly TableEntry[]> {
  const rows = await sql.look<Omit<TableEntry, 'bytes'> & { bytes: string }>(
    `select n.nspname as schema, c.relname as name, pg_get_userbyid(c.relowner) as owner, c.relkind as kind,
            exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary) as "primaryKey",
            c.relpersistence as persistence, c.relreplident as "replicaIdentity", c.relrowsecurity as "rowSecurity",
            pg_relation_size(c.oid) as bytes
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p') and c.relpersistence <> 't' and ${ownSchemas} and ${notOfExtension('pg_class', 'c.oid')}
        and ($1::text[] is null or n.nspname = any($1)) order by 1, 2`,
    [inSchemas ?? null],
  );
  return rows.map((row) => ({ ...row, bytes: Number(row.bytes) }));
}

/** Relations of these kinds (`pg_class.relkind`), those of extensions left out. */
export async function relations(sql: Sql, kinds: readonly string[], inSchemas?: readonly string[]): Promise<readonly Named[]> {
  return sql.look<Named>(
    `select n.nspname as schema, c.relname as name, pg_get_userbyid(c.relowner) as owner
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = any($1) and c.relpersistence <> 't' and ${ownSchemas} and ${notOfExtension('pg_class', 'c.oid')}
        and ($2::text[] is null or n.nspname = any($2)) order by 1, 2`,
    [kinds, inSchemas ?? null],
  );
}

/** Who owns a relation or a routine in the given schemas: the roles whose default privileges count, because they create things. */
export async function objectOwners(sql: Sql, inSchemas?: readonly string[]): Promise<readonly string[]> {
  const rows = await sql.look<{ owner: string }>(
    `select distinct pg_get_userbyid(o.owner) as owner from (
       select c.relowner as owner, c.relnamespace as schema, 'pg_class'::regclass as classid, c.oid from pg_class c
        where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and c.relpersistence <> 't'
       union all select p.proowner, p.pronamespace, 'pg_proc'::regclass, p.oid from pg_proc p
     ) o join pg_namespace n on n.oid = o.schema
      where ${ownSchemas} and not exists (select from pg_depend d where d.classid = o.classid and d.objid = o.oid and d.deptype = 'e')
        and ($1::text[] is null or n.nspname = any($1)) order by 1`,
    [inSchemas ?? null],
  );
  return rows.map((row) => row.owner);
}

/** Unique, primary-key and exclusion constraints that may be checked late: pglogical cannot apply changes to their tables. */
export async function deferrableConstraints(sql: Sql): Promise<readonly ConstraintEntry[]> {
  return sql.look<ConstraintEntry>(
    `${constraintSelect} and k.condeferrable and k.contype in ('u', 'p', 'x') and k.conparentid = 0 order by 1, 2, 3`,
  );
}

/** One constraint by name, or `undefined`. */
export async function constraint(
  sql: Sql,
  at: { readonly schema: string; readonly table: string; readonly name: string },
): Promise<ConstraintEntry | undefined> {
  const rows = await sql.look<ConstraintEntry>(`${constraintSelect} and n.nspname = $1 and c.relname = $2 and k.conname = $3`, [
    at.schema,
    at.table,
    at.name,
  ]);
  return rows[0];
}

const constraintSelect = `select n.nspname as schema, c.relname as table, k.conname as name, pg_get_userbyid(c.relowner) as owner,
       k.contype as kind, pg_get_constraintdef(k.oid) as definition
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace where ${ownSchemas}`;

export type MaterializedView = Named & {
  /** False: a query on it fails. */
  readonly populated: boolean;
  /** It can be refreshed CONCURRENTLY. */
  readonly uniqueIndex: boolean;
};

/** Materialized views, each after those that it reads. */
export async function materializedViews(sql: Sql): Promise<readonly MaterializedView[]> {
  return sql.look<MaterializedView>(
    `with recursive reads as (
       select r.ev_class as reader, d.refobjid as read from pg_rewrite r
         join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
     ), depth as (
       select oid, 0 as level from pg_class where relkind = 'm'
       union select reads.reader, depth.level + 1 from depth join reads on reads.read = depth.oid where depth.level < 100
     )
     select n.nspname as schema, c.relname as name, pg_get_userbyid(c.relowner) as owner, c.relispopulated as populated,
            exists (select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null) as "uniqueIndex"
       from pg_class c join pg_namespace n on n.oid = c.relnamespace join depth on depth.oid = c.oid
      where c.relkind = 'm' and ${ownSchemas} and ${notOfExtension('pg_class', 'c.oid')}
      group by c.oid, 1, 2, 3, 4 order by max(depth.level), 1, 2`,
  );
}

/** `typarray` of the named types: the OIDs that clients see for arrays of them. */
export async function arrayOids(
  sql: Sql,
  typeNames: readonly string[],
): Promise<readonly { readonly oid: number; readonly typname: string }[]> {
  return sql.look(
    'select typarray::bigint::int as oid, typname from pg_type where typname = any($1) and typarray <> 0 order by typname, oid',
    [typeNames],
  );
}

export async function roleExists(sql: Sql, role: string): Promise<boolean> {
  return (await sql.look('select from pg_roles where rolname = $1', [role])).length > 0;
}

/** Who owns the session's database. */
export async function databaseOwner(sql: Sql): Promise<string> {
  const [row] = await sql.look<{ owner: string }>(
    'select pg_get_userbyid(datdba) as owner from pg_database where datname = current_database()',
  );
  return row?.owner ?? '';
}
