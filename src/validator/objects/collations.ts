import type { Versions } from './list.ts';

/**
 * Collations that something sorts by, with the version of their library: that the servers have different ones is expected; that a server's
 * library is not the one that its indexes were built with is not.
 */
export const collations = ({ own }: Versions) => `
  select x.kind, null as schema, null as relation, null as prefix, c.name as parts, null as suffix, false as deparsed,
    case x.kind when 'collation-library' then c.actual else format('made with version %s of its library, which now is %s', c.recorded, c.actual) end as text
  from (
    select case n.nspname when 'pg_catalog' then array[l.collname] else array[n.nspname, l.collname] end::text[] as name, l.collversion as recorded, pg_collation_actual_version(l.oid) as actual
    from pg_collation l join pg_namespace n on n.oid = l.collnamespace
    -- 100: the database's own
    where l.oid <> 100 and exists (select from pg_attribute a join pg_class r on r.oid = a.attrelid where a.attcollation = l.oid and r.oid >= 16384 and a.attnum > 0)
    ${
      own >= 15
        ? `union all select array['database'], d.datcollversion, pg_database_collation_actual_version(d.oid) from pg_database d where d.datname = current_database()`
        : ''
    }) c
  cross join (values ('collation-library'), ('collation-version')) x (kind)
  where c.actual is not null and (x.kind = 'collation-library' or c.recorded <> c.actual)`;
