import { notOfExtension, userSchema } from '../names.ts';

/** What is rare: a catalogue, and what of a row (`o`) tells one from another. */
const classes: Readonly<Record<string, string>> = {
  pg_cast: `concat_ws(' ', 'with', nullif(o.castfunc::oid, 0::oid)::regprocedure, 'context', o.castcontext::text, 'method', o.castmethod::text)`,
  pg_operator: `concat_ws(' ', o.oprcode::oid::regprocedure, 'commutator', nullif(o.oprcom::oid, 0::oid)::regoperator, 'negator', nullif(o.oprnegate::oid, 0::oid)::regoperator, o.oprrest, o.oprjoin, case when o.oprcanmerge then 'merges' end, case when o.oprcanhash then 'hashes' end)`,
  pg_opclass: `concat_ws(' ', 'for', format_type(o.opcintype, null), case when o.opcdefault then 'default' end, 'keeps', format_type(nullif(o.opckeytype, 0::oid), null))`,
  pg_opfamily: `concat_ws('; ',
    (select string_agg(concat_ws(' ', a.amopstrategy, a.amopopr::regoperator, a.amoppurpose), ', ' order by a.amopstrategy, a.amopopr::regoperator::text) from pg_amop a where a.amopfamily = o.oid),
    (select string_agg(concat_ws(' ', p.amprocnum, p.amproc), ', ' order by p.amprocnum, p.amproc::text) from pg_amproc p where p.amprocfamily = o.oid))`,
  pg_conversion: `concat_ws(' ', o.conforencoding, 'to', o.contoencoding, o.conproc, case when o.condefault then 'default' end)`,
  pg_collation: `concat_ws(' ', 'provider', o.collprovider::text, 'locale', coalesce(to_jsonb(o) ->> 'colllocale', to_jsonb(o) ->> 'colliculocale', to_jsonb(o) ->> 'collcollate'),
    to_jsonb(o) ->> 'collicurules', case when not o.collisdeterministic then 'nondeterministic' end)`,
  pg_ts_config: `concat_ws(' ', 'parser', (select p.prsname from pg_ts_parser p where p.oid = o.cfgparser),
    (select string_agg(concat_ws(' ', m.maptokentype, m.mapseqno, m.mapdict::regdictionary), ', ' order by m.maptokentype, m.mapseqno) from pg_ts_config_map m where m.mapcfg = o.oid))`,
  pg_ts_dict: `concat_ws(' ', 'template', (select t.tmplname from pg_ts_template t where t.oid = o.dicttemplate), o.dictinitoption)`,
  pg_ts_parser: `concat_ws(' ', o.prsstart, o.prstoken, o.prsend, o.prsheadline, o.prslextype)`,
  pg_ts_template: `concat_ws(' ', o.tmplinit, o.tmpllexize)`,
  pg_language: `concat_ws(' ', case when o.lanpltrusted then 'trusted' end, nullif(o.lanplcallfoid::oid, 0::oid)::regprocedure, nullif(o.laninline::oid, 0::oid)::regprocedure, nullif(o.lanvalidator::oid, 0::oid)::regprocedure)`,
  pg_am: `concat_ws(' ', o.amhandler, o.amtype::text)`,
  pg_transform: `concat_ws(' ', o.trffromsql, o.trftosql)`,
  pg_foreign_data_wrapper: `concat_ws(' ', nullif(o.fdwhandler::oid, 0::oid)::regprocedure, nullif(o.fdwvalidator::oid, 0::oid)::regprocedure, o.fdwoptions::text)`,
  pg_foreign_server: `concat_ws(' ', o.srvtype, o.srvversion, o.srvoptions::text)`,
};

/** Their options, which hold passwords, only superusers see. */
const userMappings = `
  select 'user mapping' as kind, null as schema, null as relation, null as prefix, array[]::text[] as parts, concat_ws(' on ', quote_ident(m.usename), quote_ident(m.srvname)) as suffix,
    false as deparsed, 'user mapping' as text
  from pg_user_mappings m`;

export const rest = Object.entries(classes)
  .map(
    ([name, text]) => `
  select i.type as kind, i.schema, null as relation, null as prefix, array[]::text[] as parts, i.identity as suffix, false as deparsed, concat_ws(': ', i.type, nullif(${text}, '')) as text
  from pg_catalog.${name} o cross join lateral pg_identify_object('pg_catalog.${name}'::regclass, o.oid, 0) i
  where o.oid >= 16384 and (i.schema is null or ${userSchema(`translate(i.schema, '"', '')`)}) and ${notOfExtension(name, 'o.oid')}`,
  )
  .concat(userMappings)
  .join(' union all ');
