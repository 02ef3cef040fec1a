import type { Sql } from './types.ts';

/** Catalogue, its key, and which rows count: temporary objects come and go with sessions. */
const catalogues: readonly (readonly [string, string, string])[] = [
  ['pg_class', 'oid', `relpersistence <> 't'`],
  ['pg_attribute', 'attrelid', `exists (select from pg_class c where c.oid = attrelid and c.relpersistence <> 't')`],
  ['pg_attrdef', 'oid', `exists (select from pg_class c where c.oid = adrelid and c.relpersistence <> 't')`],
  ['pg_constraint', 'oid', 'connamespace in (select oid from lasting)'],
  ['pg_type', 'oid', 'typnamespace in (select oid from lasting)'],
  ['pg_enum', 'oid', 'true'],
  ['pg_proc', 'oid', 'true'],
  ['pg_trigger', 'oid', 'true'],
  ['pg_rewrite', 'oid', 'true'],
  ['pg_sequence', 'seqrelid', `exists (select from pg_class c where c.oid = seqrelid and c.relpersistence <> 't')`],
  ['pg_namespace', 'oid', 'oid in (select oid from lasting)'],
];
const counted = ([name, id, which]: (typeof catalogues)[number]) =>
  `select '${name} ' || count(*) || ' ' || coalesce(sum(hashtextextended(${id} || ' ' || xmin::text, 0)), 0) as part from ${name} where ${id} >= 16384 and ${which}`;

/**
 * A word that changes whenever a definition in this database changes. VACUUM and ANALYZE write in place and leave it
 * alone, rows do not matter. Cheap, so that it may be asked every few seconds before anything is compared in full.
 */
export async function catalogueVersion(sql: Sql): Promise<string> {
  const [row] = await sql.look<{ version: string }>(
    `with lasting as (select oid from pg_namespace where nspname !~ '^pg_(toast_)?temp')
     select md5(string_agg(part, ',' order by part)) as version from (${catalogues.map(counted).join(' union all ')}) parts`,
  );
  return row?.version ?? '';
}
