import { notOfExtension, userSchema } from '../names.ts';

/** Views' queries, and rules. */
export const views = `
  select 'view-definition' as kind, n.nspname::text as schema, c.relname::text as relation, null as prefix, array[n.nspname, c.relname]::text[] as parts, null as suffix, true as deparsed,
    pg_get_viewdef(c.oid) as text
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('v', 'm') and ${userSchema('n.nspname')} and ${notOfExtension('pg_class', 'c.oid')}
  union all
  select 'rule', n.nspname::text, c.relname::text, null, array[n.nspname, c.relname, r.rulename]::text[], null, true,
    concat_ws(', ', pg_get_ruledef(r.oid), case when r.ev_enabled <> 'O' then 'enabled: ' || r.ev_enabled::text end)
  from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
  where r.rulename <> '_RETURN' and ${userSchema('n.nspname')} and ${notOfExtension('pg_class', 'c.oid')}`;

/** prosqlbody exists from 14 on: a body that is stored as a parse tree and printed from it. */
export const functions = `
  select 'function' as kind, n.nspname::text as schema, null as relation, null as prefix, array[n.nspname, p.proname]::text[] as parts,
    '(' || pg_get_function_identity_arguments(p.oid) || ')' as suffix, to_jsonb(p) ->> 'prosqlbody' is not null as deparsed,
    case p.prokind when 'a' then (
        select concat_ws(' ', 'aggregate', pg_get_function_result(p.oid), g.aggkind, g.aggtransfn, g.aggfinalfn, g.aggcombinefn, g.aggserialfn, g.aggdeserialfn, g.aggmtransfn,
          g.aggminvtransfn, g.aggmfinalfn, format_type(g.aggtranstype, null), coalesce(g.agginitval, 'null'), coalesce(g.aggminitval, 'null'))
        from pg_aggregate g where g.aggfnoid = p.oid)
      else pg_get_functiondef(p.oid) end as text
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where ${userSchema('n.nspname')} and ${notOfExtension('pg_proc', 'p.oid')}
    -- the constructors of a range type come with it
    and not exists (select from pg_depend d where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i')`;

/** pglogical puts triggers of its own on replicated tables. */
export const triggers = `
  select 'trigger' as kind, n.nspname::text as schema, c.relname::text as relation, null as prefix, array[n.nspname, c.relname, g.tgname]::text[] as parts, null as suffix,
    true as deparsed,
    concat_ws(', ', pg_get_triggerdef(g.oid),
      case g.tgenabled when 'D' then 'DISABLED' when 'R' then 'enabled REPLICA' when 'A' then 'enabled ALWAYS' end) as text
  from pg_trigger g join pg_class c on c.oid = g.tgrelid join pg_namespace n on n.oid = c.relnamespace
  join pg_proc p on p.oid = g.tgfoid join pg_namespace pn on pn.oid = p.pronamespace
  left join pg_trigger parent on parent.oid = g.tgparentid
  -- a partition's copy of a trigger counts where it is not as enabled as the one that it was made from
  where case when parent.oid is null then not g.tgisinternal else g.tgenabled <> parent.tgenabled and not parent.tgisinternal end and pn.nspname !~ '^(pglogical|pgupgrade)' and ${userSchema('n.nspname')} and ${notOfExtension('pg_class', 'c.oid')}
  union all
  select 'event-trigger', null, null, null, array[e.evtname]::text[], null, false,
    concat_ws(' ', e.evtevent, 'tags ' || array_to_string(e.evttags, ', '), 'executes', quote_ident(pn.nspname) || '.' || quote_ident(p.proname),
      case e.evtenabled when 'D' then 'DISABLED' when 'R' then 'enabled REPLICA' when 'A' then 'enabled ALWAYS' end)
  from pg_event_trigger e join pg_proc p on p.oid = e.evtfoid join pg_namespace pn on pn.oid = p.pronamespace
  where pn.nspname !~ '^(pglogical|pgupgrade)' and ${notOfExtension('pg_event_trigger', 'e.oid')}`;
