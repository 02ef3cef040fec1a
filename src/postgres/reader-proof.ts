import type { Postgres, Side } from './types.ts';

/** Roles through which a member could write, or let others write, whatever the tables' own rights say. */
const powerful = [
  'pg_write_all_data',
  'pg_write_server_files',
  'pg_execute_server_program',
  'pg_database_owner',
  'pg_maintain',
  'pg_create_subscription',
];

/**
 * Why `role` might be able to write, or `undefined` where it is proven that it cannot. Looked at with every role that
 * it is a member of, whether inherited or only by SET ROLE: attributes, ownership of anything in any database, and in
 * each of `databases` any writing right on a table, view, column or sequence (nextval writes), CREATE on a schema or
 * the database, a SECURITY DEFINER function (it writes with its owner's rights), a foreign server. Large objects
 * and temporary tables do not count: neither is the service's data, and neither is replicated.
 */
export async function whyItMightWrite(
  postgres: Postgres,
  side: Side,
  role: string,
  databases: readonly string[],
): Promise<string | undefined> {
  const home = await postgres.database(side, 'postgres');
  const [all] = await home.look<{ why: string | null }>(
    `with mine as (select r.* from pg_roles r, pg_roles me where me.rolname = $1 and (r.oid = me.oid or pg_has_role(me.oid, r.oid, 'MEMBER')))
     select coalesce(
       (select 'it is not there' where not exists (select from mine)),
       (select 'it is or may become ' || rolname || ', which is ' || case when rolsuper then 'a superuser' when rolcreaterole then 'CREATEROLE'
               when rolcreatedb then 'CREATEDB' else 'REPLICATION' end from mine where rolsuper or rolcreaterole or rolcreatedb or rolreplication limit 1),
       (select 'it is a member of ' || rolname from mine where rolname = any ($2) limit 1),
       (select m.rolname || ' owns objects' from pg_shdepend s join mine m on m.oid = s.refobjid
        where s.refclassid = 'pg_authid'::regclass and s.deptype = 'o' limit 1),
       (select m.rolname || ' owns database ' || d.datname from pg_database d join mine m on m.oid = d.datdba limit 1)) as why`,
    [role, powerful],
  );
  if (all?.why) return all.why;
  for (const database of databases) {
    const sql = await postgres.database(side, database);
    const [found] = await sql.look<{ why: string | null }>(
      `with mine as (select r.oid, r.rolname from pg_roles r, pg_roles me where me.rolname = $1 and pg_has_role(me.oid, r.oid, 'MEMBER')),
            spaces as (select n.oid, n.nspname from pg_namespace n where n.nspname !~ '^pg_' and n.nspname <> 'information_schema')
       select coalesce(
         (select 'CREATE on this database' from mine where has_database_privilege(oid, current_database(), 'CREATE') limit 1),
         (select 'CREATE on schema ' || n.nspname from spaces n, mine m where has_schema_privilege(m.oid, n.oid, 'CREATE') limit 1),
         (select 'a writing right on ' || c.oid::regclass from pg_class c join spaces n on n.oid = c.relnamespace, mine m
          where c.relkind in ('r', 'p', 'v', 'm', 'f') and (has_table_privilege(m.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
            or has_any_column_privilege(m.oid, c.oid, 'INSERT, UPDATE')) limit 1),
         (select 'a writing right on sequence ' || c.oid::regclass from pg_class c join spaces n on n.oid = c.relnamespace, mine m
          where c.relkind = 'S' and has_sequence_privilege(m.oid, c.oid, 'USAGE, UPDATE') limit 1),
         (select 'EXECUTE on ' || p.oid::regprocedure || ', which runs with the rights of its owner'
          from pg_proc p join spaces n on n.oid = p.pronamespace, mine m
          where p.prosecdef and has_schema_privilege(m.oid, n.oid, 'USAGE') and has_function_privilege(m.oid, p.oid, 'EXECUTE') limit 1),
         (select 'foreign server ' || f.srvname from pg_foreign_server f, mine m where has_server_privilege(m.oid, f.oid, 'USAGE') limit 1)) as why`,
      [role],
    );
    if (found?.why) return `it has ${found.why} (database ${database})`;
  }
  return undefined;
}
