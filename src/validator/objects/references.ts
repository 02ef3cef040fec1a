import { notOfExtension, userSchema } from '../names.ts';

/** Whatever is printed from a parse tree: views and rules, functions with a body of their own, triggers, policies. */
const sources = `
  select case r.rulename when '_RETURN' then 'view-definition' else 'rule' end as kind, 'pg_catalog.pg_rewrite'::regclass::oid as class, r.oid, c.oid as relation,
    array[n.nspname, c.relname] || case when r.rulename <> '_RETURN' then array[r.rulename] end as parts, null as suffix, c.relname, n.nspname
  from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
  union all
  select 'trigger', 'pg_catalog.pg_trigger'::regclass::oid, g.oid, c.oid, array[n.nspname, c.relname, g.tgname], null, c.relname, n.nspname
  from pg_trigger g join pg_class c on c.oid = g.tgrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_proc p on p.oid = g.tgfoid join pg_namespace pn on pn.oid = p.pronamespace
  where not g.tgisinternal and g.tgparentid = 0 and pn.nspname !~ '^(pglogical|pgupgrade)'
  union all
  select 'policy', 'pg_catalog.pg_policy'::regclass::oid, p.oid, c.oid, array[n.nspname, c.relname, p.polname], null, c.relname, n.nspname
  from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace
  union all
  select 'function', 'pg_catalog.pg_proc'::regclass::oid, p.oid, 0::oid, array[n.nspname, p.proname], '(' || pg_get_function_identity_arguments(p.oid) || ')', null, n.nspname
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace where to_jsonb(p) ->> 'prosqlbody' is not null`;

/**
 * What each of them refers to, from the dependencies that the server itself keeps: schema and all, where the printed text may leave
 * the schema or the table out.
 */
export const references = `
  select s.kind, s.nspname::text as schema, s.relname::text as relation, null as prefix, s.parts::text[] as parts, s.suffix, false as deparsed,
    'refers to ' || string_agg(distinct i.identity, ', ' order by i.identity) as text
  from (${sources}) s
  join pg_depend d on d.classid = s.class and d.objid = s.oid and d.refobjid >= 16384 and d.refobjid <> s.relation and d.deptype <> 'i'
  cross join lateral pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) i
  where d.refclassid <> 'pg_catalog.pg_namespace'::regclass and ${userSchema('s.nspname')}
    and ${notOfExtension('pg_class', 's.relation')} and ${notOfExtension('pg_proc', "case s.kind when 'function' then s.oid end")}
  group by s.kind, s.nspname, s.relname, s.parts, s.suffix`;
