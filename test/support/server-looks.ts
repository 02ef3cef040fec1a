import { withSession } from '../../sandbox/servers/session.ts';
import type { Cluster } from '../../sandbox/types.ts';

/** Asks a server as its superuser: what a person with every right would see. */
export function ask<Row extends object>(cluster: Cluster, database: string, sql: string, values: readonly unknown[] = []): Promise<Row[]> {
  return withSession({ ...cluster.admin, database, applicationName: 'test' }, async (client) => {
    const { rows } = await client.query<Row>(sql, [...values]);
    return rows;
  });
}

export async function constraintDefinition(cluster: Cluster, name: string): Promise<string | undefined> {
  const [row] = await ask<{ definition: string }>(
    cluster,
    'inapp',
    `select conrelid::regclass || ' ' || pg_get_constraintdef(oid) as definition from pg_constraint where conname = $1`,
    [name],
  );
  return row?.definition;
}

/** `owner: object` of everything in the database that is neither the owner's nor the system's nor an extension's. */
export async function notOwnedBy(cluster: Cluster, database: string, owner: string): Promise<readonly string[]> {
  const rows = await ask<{ found: string }>(
    cluster,
    database,
    `with own as (
       select 'pg_class'::regclass as class, oid, relowner as owner, oid::regclass::text as name, relnamespace as schema from pg_class where relkind <> 't'
       union all select 'pg_proc'::regclass, oid, proowner, oid::regprocedure::text, pronamespace from pg_proc
       union all select 'pg_type'::regclass, oid, typowner, format_type(oid, null), typnamespace from pg_type
       union all select 'pg_namespace'::regclass, oid, nspowner, nspname, oid from pg_namespace where nspname <> 'public'
       union all select 'pg_database'::regclass, oid, datdba, datname, 0 from pg_database where datname = current_database())
     select pg_get_userbyid(owner) || ': ' || name as found from own
     where pg_get_userbyid(owner) <> $1
       and coalesce((select nspname from pg_namespace n where n.oid = own.schema), '') !~ '^(pg_|information_schema$)'
       and not exists (select from pg_depend d where d.classid = own.class and d.objid = own.oid and d.deptype = 'e') order by 1`,
    [owner],
  );
  return rows.map(({ found }) => found);
}

/** By sequence: the value that was given out last (null: none), and the one that comes next. */
export async function sequences(cluster: Cluster): Promise<ReadonlyMap<string, { readonly last: bigint | null; readonly next: bigint }>> {
  const named = await ask<{ name: string; step: string }>(
    cluster,
    'inapp',
    `select format('%I.%I', schemaname, sequencename) as name, increment_by::text as step
     from pg_sequences where schemaname in ('public', 'audience_data')`,
  );
  const found = new Map<string, { readonly last: bigint | null; readonly next: bigint }>();
  for (const { name, step } of named) {
    // pg_sequences shows no value after setval(…, false); the sequence itself does.
    const [row] = await ask<{ value: string; called: boolean }>(
      cluster,
      'inapp',
      `select last_value::text as value, is_called as called from ${name}`,
    );
    const value = BigInt(row?.value ?? 0);
    found.set(name, row?.called ? { last: value, next: value + BigInt(step) } : { last: null, next: value });
  }
  return found;
}

/** The rights of a user on every relation of the service's schemas, as a set of words, e.g. `select insert`. */
export async function rightsOf(cluster: Cluster, user: string): Promise<readonly string[]> {
  const rows = await ask<{ rights: string }>(
    cluster,
    'inapp',
    `select distinct array_to_string(array(select p from unnest(array['select', 'insert', 'update', 'delete']) with ordinality as t (p, n)
         where has_table_privilege($1, c.oid, p) order by n), ' ') as rights
     from pg_class c where c.relnamespace in ('public'::regnamespace, 'audience_data'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm') order by 1`,
    [user],
  );
  return rows.map(({ rights }) => rights);
}

/** Everything logical that a server holds: slots, subscriptions, publications, pglogical's nodes and extension. */
export async function replicationOn(cluster: Cluster) {
  const slots = await ask<{ slot: string }>(
    cluster,
    'postgres',
    `select plugin || ' ' || slot_name as slot from pg_replication_slots order by 1`,
  );
  const databases = await ask<{ name: string }>(
    cluster,
    'postgres',
    `select datname as name from pg_database where datallowconn order by 1`,
  );
  const [subscriptions, publications, extensions, nodes]: [string[], string[], string[], string[]] = [[], [], [], []];
  for (const { name } of databases) {
    const found = async (sql: string) => (await ask<{ found: string }>(cluster, name, sql)).map((row) => `${name} ${row.found}`);
    subscriptions.push(
      ...(await found(
        'select subname as found from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())',
      )),
    );
    publications.push(...(await found('select pubname as found from pg_publication')));
    const own = await found(`select extname as found from pg_extension where extname = 'pglogical'`);
    extensions.push(...own);
    if (own.length > 0) nodes.push(...(await found('select node_name as found from pglogical.node')));
  }
  return { slots: slots.map(({ slot }) => slot), subscriptions, publications, extensions, nodes };
}
