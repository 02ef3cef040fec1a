import { notOfExtension, userSchema } from '../names.ts';
import type { Versions } from './list.ts';

export const schemas = `
  select 'schema' as kind, n.nspname::text as schema, null as relation, null as prefix, array[n.nspname]::text[] as parts, null as suffix, false as deparsed, 'schema' as text
  from pg_namespace n where ${userSchema('n.nspname')} and ${notOfExtension('pg_namespace', 'n.oid')}`;

/** pglogical comes and goes with the upgrade; google_… is Cloud SQL's. */
export const extensions = `
  select x.kind, null as schema, null as relation, null as prefix, array[e.extname]::text[] as parts, null as suffix, false as deparsed,
    case x.kind when 'extension' then 'in schema ' || n.nspname else e.extversion end as text
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace cross join (values ('extension'), ('extension-version')) x (kind)
  where e.extname !~ '^(pglogical|google_)'`;

export const sequences = `
  select 'sequence' as kind, n.nspname::text as schema, null as relation, null as prefix, array[n.nspname, c.relname]::text[] as parts, null as suffix, false as deparsed,
    concat_ws(' ', format_type(s.seqtypid, null), 'start', s.seqstart, 'increment', s.seqincrement, 'from', s.seqmin, 'to', s.seqmax, 'cache', s.seqcache,
      case when s.seqcycle then 'cycle' end,
      (select 'owned by ' || concat_ws('.', quote_ident(tn.nspname), quote_ident(t.relname), quote_ident(a.attname))
        from pg_depend d join pg_class t on t.oid = d.refobjid join pg_namespace tn on tn.oid = t.relnamespace join pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i'))) as text
  from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
  where c.relpersistence <> 't' and ${userSchema('n.nspname')} and ${notOfExtension('pg_class', 'c.oid')}`;

export const database = `
  select 'database' as kind, null as schema, null as relation, 'database' as prefix, array[]::text[] as parts, null as suffix, false as deparsed,
    concat_ws(', ', 'encoding ' || pg_encoding_to_char(d.encoding), 'collation ' || d.datcollate, 'ctype ' || d.datctype, 'provider ' || d.datlocprovider::text) as text
  from (select p.encoding, p.datcollate, p.datctype, coalesce(to_jsonb(p) ->> 'datlocprovider', 'c') as datlocprovider from pg_database p where p.datname = current_database()) d
  union all
  select 'setting', null, null, coalesce('role ' || r.rolname, 'database'), array[]::text[], null, false, array_to_string(array(select c from unnest(s.setconfig) c order by c), ', ')
  from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
  where s.setdatabase = (select d.oid from pg_database d where d.datname = current_database()) and coalesce(r.rolname, '') !~ '^cloudsql'
  union all
  select 'large-object', null, null, 'large objects', array[]::text[], null, false, count(*)::text from pg_largeobject_metadata having count(*) > 0`;

/** Comments of what users made. Those of extensions are their own and change with the version. */
export const comments = `
  select 'comment' as kind, i.schema, null as relation, i.type || ' ' as prefix, array[]::text[] as parts, i.identity as suffix, false as deparsed, d.description as text
  from pg_description d cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) i
  where (d.objoid >= 16384 or i.type = 'schema' and i.identity ~ '^"?public"?$') and i.type <> 'extension' and i.identity !~ '^"?(pglogical|pgupgrade)' and (i.schema is null or ${userSchema(`translate(i.schema, '"', '')`)})
    and not exists (select from pg_depend dep where dep.classid = d.classoid and dep.objid = d.objoid and dep.deptype = 'e')`;

/** Those that the upgrade makes for itself left out. */
export const publications = ({ lowest }: Versions) => `
  select 'publication' as kind, null as schema, null as relation, null as prefix, array[p.pubname]::text[] as parts, null as suffix, false as deparsed,
    concat_ws(', ', case when p.puballtables then 'all tables' end,
      'publishes ' || concat_ws(' ', case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end, case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end),
      case when p.pubviaroot then 'via the root' end,
      (select 'tables ' || string_agg(t, ', ' order by t)
        from (
          select concat_ws(' ', quote_ident(x.schemaname) || '.' || quote_ident(x.tablename)${
            lowest >= 15
              ? `, (select '(' || string_agg(quote_ident(c), ', ' order by c) || ')' from unnest(x.attnames) c), 'where ' || x.rowfilter`
              : ''
          }) as t
          from pg_publication_tables x where x.pubname = p.pubname and not p.puballtables) z)) as text
  from pg_publication p where p.pubname !~ '^pgupgrade'`;
