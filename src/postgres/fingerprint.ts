import { createHash } from 'node:crypto';
import type { Sql } from './types.ts';

export interface Fingerprint {
  /** SHA-256 over every definition, shortened; equal on the same server as long as nobody runs DDL. */
  readonly hash: string;
  readonly objects: number;
}

/**
 * The schema of one database as the catalogue has it: tables with columns and partition bounds, constraints, indexes, sequences,
 * views, functions, triggers, types. Owners and grants are left out: they differ on purpose. Compared only with an
 * earlier look at the same server, because other versions word definitions differently.
 */
export async function fingerprint(sql: Sql, schemas: readonly string[]): Promise<Fingerprint> {
  const rows = await sql.look<{ object: string; digest: string }>(
    `with spaces as (select oid, nspname from pg_namespace where nspname = any ($1)),
     everything as (
       select 'table ' || c.oid::regclass as object, concat_ws(';', c.relkind, c.relreplident, c.relpersistence, pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid),
         (select string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)), ',' order by a.attnum)
          from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)) as definition
       from pg_class c join spaces n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'f')
       union all select 'constraint ' || conname || ' of ' || conrelid::regclass, pg_get_constraintdef(k.oid) from pg_constraint k join spaces n on n.oid = k.connamespace where conrelid <> 0 and contype <> 'n'
       union all select 'index ' || i.indexrelid::regclass, pg_get_indexdef(i.indexrelid) from pg_index i join pg_class c on c.oid = i.indrelid join spaces n on n.oid = c.relnamespace
       union all select 'sequence ' || s.seqrelid::regclass, concat_ws(';', s.seqtypid, s.seqincrement, s.seqmin, s.seqmax, s.seqcycle) from pg_sequence s join pg_class c on c.oid = s.seqrelid join spaces n on n.oid = c.relnamespace
       union all select 'view ' || c.oid::regclass, pg_get_viewdef(c.oid) from pg_class c join spaces n on n.oid = c.relnamespace where c.relkind in ('v', 'm')
       union all select 'function ' || p.oid::regprocedure, pg_get_functiondef(p.oid) from pg_proc p join spaces n on n.oid = p.pronamespace where p.prokind in ('f', 'p')
       union all select 'trigger ' || tgname || ' of ' || tgrelid::regclass, pg_get_triggerdef(t.oid) || t.tgenabled::text from pg_trigger t join pg_class c on c.oid = t.tgrelid join spaces n on n.oid = c.relnamespace where not tgisinternal
       union all select 'type ' || t.oid::regtype, concat_ws(';', t.typtype, format_type(t.typbasetype, t.typtypmod), (select string_agg(enumlabel, ',' order by enumsortorder) from pg_enum where enumtypid = t.oid),
         (select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ',' order by a.attnum) from pg_attribute a join pg_class c on c.oid = a.attrelid where a.attrelid = t.typrelid and c.relkind = 'c'))
       from pg_type t join spaces n on n.oid = t.typnamespace where t.typtype in ('e', 'd', 'c', 'r') and not exists (select from pg_class c where c.oid = t.typrelid and c.relkind <> 'c'))
     select object, md5(coalesce(definition, '')) as digest from everything order by object collate "C"`,
    [schemas],
  );
  const hash = createHash('sha256');
  for (const { object, digest } of rows) hash.update(`${object}\0${digest}\n`);
  return { hash: hash.digest('hex').slice(0, 16), objects: rows.length };
}
