import type { Sql } from './types.ts';

/** One object whose definition was written since, and whose it is: the role that made it, as far as a server without its log can tell. */
export interface DdlSeen {
  /** `table public.campaign`, `column public.campaign.name`, … */
  readonly object: string;
  readonly owner: string;
}

/** The oldest transaction that is still open now, as `ddlSince` takes it. */
export async function transactionNow(sql: Sql): Promise<string> {
  const [row] = await sql.look<{ xid: string }>('select pg_snapshot_xmin(pg_current_snapshot())::text as xid');
  return row?.xid ?? '0';
}

/**
 * What was made or changed in these schemas by transactions since `xid` (`transactionNow` of then): the catalogue's rows tell which
 * transaction wrote them. What was dropped leaves no row, a dropped column one without its name.
 */
export async function ddlSince(sql: Sql, schemas: readonly string[], xid: string): Promise<readonly DdlSeen[]> {
  return sql.transaction(async (tx) => {
    await tx.look(`select set_config('search_path', 'pg_catalog', true)`);
    return tx.look<{ object: string; owner: string }>(
      `with spaces as (select oid from pg_namespace where nspname = any ($1)),
       since as (select (pg_snapshot_xmax(pg_current_snapshot())::text::numeric - $2::numeric) as transactions),
       mine as (select c.oid, c.relkind, c.relowner, c.xmin, age(t.xmin) <= transactions as made from pg_class c join spaces n on n.oid = c.relnamespace join pg_type t on t.typrelid = c.oid, since
                where c.relkind in ('r', 'p', 'v', 'm', 'f')),
       seen as (
         select 1 as place, case relkind when 'v' then 'view ' when 'm' then 'materialized view ' else 'table ' end || oid::regclass as object, relowner as owner from mine where made
         union all select 2, case when a.attisdropped then 'a column (dropped) of ' || m.oid::regclass else 'column ' || m.oid::regclass || '.' || a.attname end, m.relowner
           from mine m join pg_attribute a on a.attrelid = m.oid and a.attnum > 0, since where not m.made and age(a.xmin) <= transactions
         union all select 3, 'constraint ' || k.conname || ' of ' || m.oid::regclass, m.relowner from mine m join pg_constraint k on k.conrelid = m.oid, since where not m.made and age(k.xmin) <= transactions
         union all select 4, 'index ' || i.indexrelid::regclass, m.relowner from mine m join pg_index i on i.indrelid = m.oid, since where not m.made and age(i.xmin) <= transactions
         union all select 5, 'trigger ' || g.tgname || ' of ' || m.oid::regclass, m.relowner from mine m join pg_trigger g on g.tgrelid = m.oid and not g.tgisinternal, since where not m.made and age(g.xmin) <= transactions
         union all select 6, 'function ' || p.oid::regprocedure, p.proowner from pg_proc p join spaces n on n.oid = p.pronamespace, since where age(p.xmin) <= transactions
         union all select 7, 'type ' || t.oid::regtype, t.typowner from pg_type t join spaces n on n.oid = t.typnamespace, since
           where t.typtype in ('e', 'd', 'r', 'c') and not exists (select from mine m where t.typrelid = m.oid) and t.typelem = 0
             and (age(t.xmin) <= transactions or exists (select from pg_enum e where e.enumtypid = t.oid and age(e.xmin) <= transactions)))
       select object, min(pg_get_userbyid(owner)::text) as owner from seen group by object order by min(place), object limit 50`,
      [schemas, xid],
    );
  });
}
