import { both, type Pair } from '../pairs.ts';
import type { Session } from '../session.ts';

/**
 * Catalogues whose rows say nothing of a definition, or change with the write stop itself (who may log in and connect); of databases and
 * roles what the lists show is looked at below.
 */
const leftOut = [
  'pg_authid',
  'pg_auth_members',
  'pg_database',
  'pg_largeobject',
  'pg_replication_origin',
  'pg_shdepend',
  'pg_shseclabel',
  'pg_statistic',
  'pg_statistic_ext_data',
  'pg_subscription',
  'pg_subscription_rel',
];
/** Read as text: a mapping's catalogue is the superuser's alone, and a database's and a role's row hold more than their definition. */
const asText: readonly (readonly [string, string])[] = [
  ['pg_user_mappings', 'select m::text from pg_user_mappings m'],
  ['pg_roles', `select concat_ws(' ', oid, quote_ident(rolname)) from pg_roles`],
  [
    'pg_database',
    `select (to_jsonb(d) - array['datacl', 'datallowconn', 'datconnlimit', 'datfrozenxid', 'datminmxid'])::text from pg_database d where datname = current_database()`,
  ],
];

export interface CatalogueVersions {
  readonly source: string;
  readonly destination: string;
}

/**
 * A word for each side that changes whenever somebody creates, alters, drops, grants or comments on anything in the database: which row
 * versions its catalogues hold. What VACUUM and ANALYZE write in place, rows and sequences' values leave it alone. A temporary table
 * changes it: then it says less than it could, never more.
 */
export async function catalogueVersions(pair: Pair): Promise<CatalogueVersions> {
  return both(pair, versionOf);
}

async function versionOf(session: Session): Promise<string> {
  const names = await session.texts(
    `select relname::text from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind = 'r' and relname <> all ($1)
       and has_table_privilege(oid, 'SELECT') order by 1`,
    [leftOut],
  );
  const parts = [
    ...names.map(
      ([name]) =>
        `select '${name}' as name, count(*) as rows, coalesce(sum(hashtextextended(ctid::text || ' ' || xmin::text, 0)), 0) as sum from ${name}`,
    ),
    ...asText.map(([name, rows]) => `select '${name}', count(*), coalesce(sum(hashtextextended(t, 0)), 0) from (${rows}) as texts(t)`),
  ];
  const [version] = await session.texts(
    `select md5(string_agg(concat_ws(' ', name, rows, sum), ',' order by name)) from (${parts.join(' union all ')}) parts`,
  );
  return version?.[0] ?? '';
}
