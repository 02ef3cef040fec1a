import type { Postgres, Side } from './types.ts';

/** Bytes on disk of every database of one side that is migrated. */
export async function databaseSizes(postgres: Postgres, side: Side): Promise<ReadonlyMap<string, number>> {
  const sql = await postgres.database(side, 'postgres');
  const rows = await sql.look<{ datname: string; bytes: string }>(
    `select datname, pg_database_size(oid)::text as bytes from pg_database where datallowconn and not datistemplate and datname <> 'cloudsqladmin'`,
  );
  return new Map(rows.map(({ datname, bytes }) => [datname, Number(bytes)]));
}
