import { notOfExtension, userSchema } from '../names.ts';
import type { Versions } from './list.ts';

/** Everything that has an owner and an ACL: what, where, whose. */
const owned = `
  select case c.relkind when 'S' then 'sequence ' else 'table ' end as prefix, n.nspname::text as schema, c.relname::text as relation,
    array[n.nspname, c.relname]::text[] as parts, '' as suffix, c.relowner as owner,
    coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's' else 'r' end::"char", c.relowner)) as acl
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and c.relpersistence <> 't' and ${userSchema('n.nspname')} and ${notOfExtension('pg_class', 'c.oid')}
  union all
  select 'function ', n.nspname, null, array[n.nspname, p.proname]::text[], '(' || pg_get_function_identity_arguments(p.oid) || ')', p.proowner,
    coalesce(p.proacl, acldefault('f', p.proowner))
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where ${userSchema('n.nspname')} and ${notOfExtension('pg_proc', 'p.oid')}
    and not exists (select from pg_depend d where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i')
  union all
  select 'type ', n.nspname, null, array[n.nspname, t.typname]::text[], '', t.typowner, coalesce(t.typacl, acldefault('T', t.typowner))
  from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
  where t.typtype in ('e', 'd', 'r', 'c', 'b') and (t.typtype <> 'c' or c.relkind = 'c') and not exists (select from pg_type e where e.typarray = t.oid)
    and ${userSchema('n.nspname')} and ${notOfExtension('pg_type', 't.oid')}
  union all
  select 'schema ', n.nspname, null, array[n.nspname]::text[], '', n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner))
  from pg_namespace n where ${userSchema('n.nspname')} and ${notOfExtension('pg_namespace', 'n.oid')}
  union all
  select 'language ', null, null, array[l.lanname]::text[], '', l.lanowner, coalesce(l.lanacl, acldefault('l', l.lanowner))
  from pg_language l where l.oid >= 16384 and ${notOfExtension('pg_language', 'l.oid')}
  union all
  select 'server ', null, null, array[v.srvname]::text[], '', v.srvowner, coalesce(v.srvacl, acldefault('S', v.srvowner)) from pg_foreign_server v
  union all
  select 'database', null, null, array[]::text[], '', d.datdba, coalesce(d.datacl, acldefault('d', d.datdba)) from pg_database d where d.datname = current_database()`;

/**
 * What a role may on an object; the owner's own rights and who granted them left out. MAINTAIN came with 17: it counts where both
 * sides know it. Cloud SQL's own roles differ between instances.
 */
const privileges = `string_agg(x.privilege_type || case when x.is_grantable then ' with grant option' else '' end, ', ' order by x.privilege_type)`;
const known = ({ lowest }: Versions) => (lowest >= 17 ? 'true' : `x.privilege_type <> 'MAINTAIN'`);
const counts = (versions: Versions) =>
  `${known(versions)} and coalesce(g.rolname, '') !~ '^cloudsql' and coalesce(g.rolname, '') <> all ($1::text[])`;

export const owners = `
  select 'owner' as kind, o.schema, o.relation, o.prefix, o.parts, o.suffix, false as deparsed, r.rolname::text as text
  from (${owned}) o join pg_roles r on r.oid = o.owner`;

/** An owner that has taken rights from itself: they are what is left. */
export const ownersRights = (versions: Versions) => `
  select * from (
    select 'grant' as kind, o.schema, o.relation, o.prefix, o.parts, o.suffix || ' to its owner' as suffix, false as deparsed,
      coalesce((select string_agg(x.privilege_type, ', ' order by x.privilege_type) from aclexplode(o.acl) x where x.grantee = o.owner and ${known(versions)}), 'nothing') as text,
      (select string_agg(x.privilege_type, ', ' order by x.privilege_type)
        from aclexplode(acldefault(case o.prefix when 'sequence ' then 's' when 'table ' then 'r' when 'function ' then 'f' when 'type ' then 'T' when 'schema ' then 'n'
          when 'language ' then 'l' when 'server ' then 'S' else 'd' end::"char", o.owner)) x where x.grantee = o.owner and ${known(versions)}) as whole
    from (${owned}) o) z
  where z.text <> z.whole`;

export const grants = (versions: Versions) => `
  select 'grant' as kind, o.schema, o.relation, o.prefix, o.parts, o.suffix || ' to ' || coalesce(g.rolname, 'PUBLIC') as suffix, false as deparsed, ${privileges} as text
  from (${owned}) o cross join lateral aclexplode(o.acl) x left join pg_roles g on g.oid = x.grantee
  where x.grantee <> o.owner and ${counts(versions)}
  group by o.schema, o.relation, o.prefix, o.parts, o.suffix, g.rolname
  union all
  select 'grant', n.nspname, c.relname, 'column ', array[n.nspname, c.relname, a.attname]::text[], ' to ' || coalesce(g.rolname, 'PUBLIC'), false, ${privileges}
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  cross join lateral aclexplode(a.attacl) x left join pg_roles g on g.oid = x.grantee
  where a.attacl is not null and a.attnum > 0 and x.grantee <> c.relowner and ${counts(versions)} and ${userSchema('n.nspname')} and ${notOfExtension('pg_class', 'c.oid')}
  group by n.nspname, c.relname, a.attname, g.rolname`;

export const defaultPrivileges = (versions: Versions) => `
  select 'default-privilege' as kind, n.nspname::text as schema, null as relation, null as prefix, array[r.rolname]::text[] as parts,
    coalesce(' in ' || n.nspname, '') || ' on ' || case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas' else d.defaclobjtype::text end
      || ' to ' || coalesce(g.rolname, 'PUBLIC') as suffix, false as deparsed, ${privileges} as text
  from pg_default_acl d join pg_roles r on r.oid = d.defaclrole left join pg_namespace n on n.oid = d.defaclnamespace
  cross join lateral aclexplode(d.defaclacl) x left join pg_roles g on g.oid = x.grantee
  where x.grantee <> d.defaclrole and r.rolname !~ '^cloudsql' and ${counts(versions)} and (n.oid is null or ${userSchema('n.nspname')})
  group by r.rolname, n.nspname, d.defaclobjtype, g.rolname
  union all
  -- what everybody has by default and is taken away for what comes
  select 'default-privilege', null, null, null, array[r.rolname]::text[], ' on ' || case d.defaclobjtype when 'f' then 'functions' else 'types' end || ' to PUBLIC', false, 'nothing'
  from pg_default_acl d join pg_roles r on r.oid = d.defaclrole
  where d.defaclnamespace = 0 and d.defaclobjtype in ('f', 'T') and r.rolname !~ '^cloudsql' and not exists (select from aclexplode(d.defaclacl) x where x.grantee = 0)`;
