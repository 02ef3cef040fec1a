import { notOfExtension, userSchema } from '../names.ts';

/** Types that users make, tables' row types and array types left out. */
export const types = `
  select 'type' as kind, n.nspname::text as schema, null as relation, null as prefix, array[n.nspname, t.typname]::text[] as parts, null as suffix, false as deparsed,
    case t.typtype
      when 'e' then 'enum (' || coalesce((select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid), '') || ')'
      when 'c' then 'composite (' || coalesce((
        select string_agg(concat_ws(' ', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
          case when a.attcollation <> at.typcollation then 'collate ' || (select l.collnamespace::regnamespace::text || '.' || quote_ident(l.collname) from pg_collation l where l.oid = a.attcollation) end), ', ' order by a.attnum)
        from pg_attribute a join pg_type at on at.oid = a.atttypid where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped), '') || ')'
      when 'd' then concat_ws(' ', 'domain over', format_type(t.typbasetype, t.typtypmod), case when t.typnotnull then 'not null' end,
        (select 'collate ' || l.collnamespace::regnamespace::text || '.' || quote_ident(l.collname) from pg_collation l join pg_type base on base.oid = t.typbasetype where l.oid = t.typcollation and t.typcollation <> base.typcollation), 'default ' || t.typdefault,
        (select string_agg(quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid), ' ' order by k.conname) from pg_constraint k where k.contypid = t.oid and k.contype = 'c'))
      when 'r' then 'range of ' || (
        select concat_ws(' ', format_type(r.rngsubtype, null), 'ordered by', o.opcname, (select 'collate ' || quote_ident(l.collname) from pg_collation l where l.oid = r.rngcollation),
          'canonical ' || nullif(r.rngcanonical::oid, 0::oid)::regprocedure::text, 'distance ' || nullif(r.rngsubdiff::oid, 0::oid)::regprocedure::text)
        from pg_range r join pg_opclass o on o.oid = r.rngsubopc where r.rngtypid = t.oid)
      else 'base type, input ' || t.typinput::text || ', output ' || t.typoutput::text end as text
  from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
  where t.typtype in ('e', 'd', 'r', 'c', 'b') and (t.typtype <> 'c' or c.relkind = 'c')
    and not exists (select from pg_type e where e.typarray = t.oid)
    and ${userSchema('n.nspname')} and ${notOfExtension('pg_type', 't.oid')}`;
