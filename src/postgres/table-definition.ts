import type { Sql } from './types.ts';

/** A table as the catalogue of one server has it: the statements that make the same one on another server. */
export interface TableDefinition {
  /** `"schema"."name"`, always quoted: which names need quotes depends on the version. */
  readonly key: string;
  /** `schema.name`, quoted where needed: for people. */
  readonly shown: string;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  /** Of a partition: its parent, as SQL. */
  readonly parent: string | null;
  /** The table, its sequences, constraints and indexes, without foreign keys; as its owner. */
  readonly statements: readonly string[];
  /** Of a partition: `ATTACH PARTITION …`, after the table, as the parent's owner. */
  readonly attach: string | null;
  /** Of a partition: what its rows fulfil, for rows that went into a default partition meanwhile. */
  readonly bound: string | null;
  /** Foreign keys, triggers, grants, comments: what needs tables, functions or roles that the other server may lack. */
  readonly afterwards: readonly string[];
}

const sequenceOptions = `format('start with %s increment by %s minvalue %s maxvalue %s cache %s %s', s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
  case when s.seqcycle then 'cycle' else 'no cycle' end)`;

/** Sequences of a column: `a` of serial, `i` of an identity. */
const owned = (kind: 'a' | 'i', what: string, more = '') => `select ${what} from pg_depend d join pg_sequence s on s.seqrelid = d.objid
  where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.deptype = '${kind}' ${more}`;

const columns = `select string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
    || case when a.attcollation <> 0 and a.attcollation <> t.typcollation
         then (select format(' collate %I.%I', ln.nspname, l.collname) from pg_collation l join pg_namespace ln on ln.oid = l.collnamespace where l.oid = a.attcollation) else '' end
    || case when a.attgenerated = 's' then format(' generated always as (%s) stored', pg_get_expr(def.adbin, def.adrelid))
         when a.attidentity <> '' and not c.relispartition then format(' generated %s as identity (sequence name %s %s)', case a.attidentity when 'a' then 'always' else 'by default' end,
           (${owned('i', `s.seqrelid::regclass::text`, 'and d.refobjsubid = a.attnum')}), (${owned('i', sequenceOptions, 'and d.refobjsubid = a.attnum')}))
         when def.adbin is not null then ' default ' || pg_get_expr(def.adbin, def.adrelid) else '' end
    || case when a.attnotnull then ' not null' else '' end, ', ' order by a.attnum)
  from pg_attribute a join pg_type t on t.oid = a.atttypid left join pg_attrdef def on def.adrelid = a.attrelid and def.adnum = a.attnum
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped`;

/** The right's receiver, as SQL; what Cloud SQL's own roles have is left out, and MAINTAIN, which only 17 knows. */
const grantee = `case when x.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end`;
const carried = `x.privilege_type <> 'MAINTAIN' and (x.grantee = 0 or pg_get_userbyid(x.grantee) !~ '^cloudsql')`;

const statements = `
  select 1 as place, format('create sequence %s as %s %s', s.seqrelid::regclass, format_type(s.seqtypid, null), ${sequenceOptions}) as statement
    from pg_depend d join pg_sequence s on s.seqrelid = d.objid where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.deptype = 'a'
  union all select 2, format('create %stable %s (%s)%s%s', case c.relpersistence when 'u' then 'unlogged ' else '' end, c.oid::regclass, coalesce((${columns}), ''),
    ' partition by ' || nullif(pg_get_partkeydef(c.oid), ''), ' with (' || array_to_string(c.reloptions, ', ') || ')')
  union all select 3, format('alter table %s alter column %I set storage %s', c.oid::regclass, a.attname, case a.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end)
    from pg_attribute a join pg_type t on t.oid = a.atttypid where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attstorage <> t.typstorage
  union all select 4, format('alter sequence %s owned by %s.%I', d.objid::regclass, c.oid::regclass, a.attname)
    from pg_depend d join pg_sequence s on s.seqrelid = d.objid join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.deptype = 'a'
  union all select 5, format('alter table %s add constraint %I %s', c.oid::regclass, k.conname, pg_get_constraintdef(k.oid))
    from pg_constraint k where k.conrelid = c.oid and k.contype in ('p', 'u', 'x', 'c')
  union all select 6, pg_get_indexdef(i.indexrelid) from pg_index i
    where i.indrelid = c.oid and i.indisvalid and not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.conrelid = c.oid and k.contype in ('p', 'u', 'x'))
  union all select 7, format('alter table %s replica identity %s', c.oid::regclass, case c.relreplident when 'f' then 'full' when 'n' then 'nothing'
      else 'using index ' || (select quote_ident(ic.relname) from pg_index i join pg_class ic on ic.oid = i.indexrelid where i.indrelid = c.oid and i.indisreplident) end)
    where c.relreplident in ('f', 'n', 'i') and c.relkind = 'r'`;

const afterwards = `
  select 1 as place, format('alter table %s add constraint %I %s', c.oid::regclass, k.conname, pg_get_constraintdef(k.oid)) as statement
    from pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and k.conparentid = 0
  union all select 2, pg_get_triggerdef(t.oid) from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgparentid = 0
  union all select 3, format('grant %s on table %s to %s%s', string_agg(x.privilege_type, ', ' order by x.privilege_type), c.oid::regclass, ${grantee}, case when x.is_grantable then ' with grant option' else '' end)
    from aclexplode(c.relacl) x where x.grantee <> c.relowner and ${carried} group by x.grantee, x.is_grantable
  union all select 3, format('grant %s (%I) on table %s to %s', x.privilege_type, a.attname, c.oid::regclass, ${grantee})
    from pg_attribute a, aclexplode(a.attacl) x where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attacl is not null and ${carried}
  union all select 3, format('grant %s on sequence %s to %s', x.privilege_type, q.oid::regclass, ${grantee})
    from pg_depend d join pg_class q on q.oid = d.objid and q.relkind = 'S', aclexplode(q.relacl) x
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = c.oid and d.deptype in ('a', 'i') and x.grantee <> q.relowner and ${carried}
  union all select 4, format('comment on table %s is %L', c.oid::regclass, obj_description(c.oid, 'pg_class')) where obj_description(c.oid, 'pg_class') is not null
  union all select 4, format('comment on column %s.%I is %L', c.oid::regclass, a.attname, col_description(c.oid, a.attnum))
    from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is not null`;

const key = `format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""'))`;

/** The tables of these names (as `userTables` gives them) on that server, parents before their partitions. */
export async function tableDefinitions(sql: Sql, keys: readonly string[]): Promise<readonly TableDefinition[]> {
  if (keys.length === 0) return [];
  return sql.transaction(async (tx) => {
    // Every name in what the catalogue prints is qualified then.
    await tx.look(`select set_config('search_path', 'pg_catalog', true)`);
    return tx.look<TableDefinition & Record<string, unknown>>(
      `select ${key} as key, c.oid::regclass::text as shown, n.nspname::text as schema, c.relname::text as name, pg_get_userbyid(c.relowner)::text as owner,
              case when c.relispartition then (select i.inhparent::regclass::text from pg_inherits i where i.inhrelid = c.oid) end as parent,
              (select coalesce(array_agg(x.statement order by x.place, x.statement), '{}') from (${statements}) x) as statements,
              case when c.relispartition then (select format('alter table %s attach partition %s %s', i.inhparent::regclass, c.oid::regclass, pg_get_expr(c.relpartbound, c.oid))
                from pg_inherits i where i.inhrelid = c.oid) end as attach,
              case when c.relispartition then pg_get_partition_constraintdef(c.oid) end as bound,
              (select coalesce(array_agg(x.statement order by x.place, x.statement), '{}') from (${afterwards}) x) as afterwards
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where ${key} = any ($1) and c.relkind in ('r', 'p')
       order by (select count(*) from pg_partition_ancestors(c.oid)), 1`,
      [keys],
    );
  });
}

/** Ordinary and partitioned tables of users, partitions included: `"schema"."name"`, always quoted. */
export async function userTables(sql: Sql): Promise<ReadonlySet<string>> {
  const rows = await sql.look<{ key: string }>(
    `select ${key} as key from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and c.relpersistence <> 't' and n.nspname !~ '^(pg_|pglogical|pgupgrade)' and n.nspname <> 'information_schema'
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`,
  );
  return new Set(rows.map((row) => row.key));
}
