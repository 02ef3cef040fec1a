import { escapeIdentifier } from 'pg';
import { source } from './google-world.ts';

/** Runs statements on an instance as its superuser, or as somebody. */
export type RunSql = (
  instance: string,
  database: string,
  text: string,
  as?: { readonly user: string; readonly password: string },
) => Promise<readonly Record<string, unknown>[]>;
const asPostgres = { user: 'postgres', password: 'root-password' };

/** The runbook's grants, as user postgres (CREATE EXTENSION and REPLICATION through the patched role). */
export async function grantMigrationUser(sql: RunSql, application: string): Promise<void> {
  for (const [database, schemas] of [
    ['postgres', ['public']],
    ['inapp', ['public', 'audience_data']],
  ] as const) {
    await sql(
      source,
      database,
      `set role cloudsqlpatched; create extension if not exists pglogical; alter user migration with replication; reset role;`,
      asPostgres,
    );
    await sql(
      source,
      database,
      'grant usage on schema pglogical to migration; grant select on all tables in schema pglogical to migration',
    );
    const owner = database === 'inapp' ? `set role ${escapeIdentifier(application)};` : '';
    for (const schema of schemas)
      await sql(
        source,
        database,
        `${owner} grant usage on schema ${schema} to migration; grant select on all tables in schema ${schema} to migration;
         grant select on all sequences in schema ${schema} to migration`,
      );
  }
  await sql(source, 'inapp', `grant usage on schema pglogical to ${escapeIdentifier(application)}`);
}

/** What pglogical refuses is taken away, as the runbook does. */
export async function makeCompatible(sql: RunSql): Promise<void> {
  const blocking = await sql(
    source,
    'inapp',
    `select conrelid::regclass::text as t, quote_ident(conname) as c from pg_constraint where condeferrable and contype in ('u', 'p', 'x')`,
  );
  for (const { t, c } of blocking) await sql(source, 'inapp', `alter table ${t} drop constraint ${c}`);
}
