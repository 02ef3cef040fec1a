import { type Named, relations } from './catalogue.ts';
import { qualified } from './identifiers.ts';
import type { Sql } from './types.ts';

const timeoutMs = 12 * 3_600_000;

/** A table without statistics, and the statement that makes them. */
export interface Unanalyzed extends Named {
  readonly statement: string;
}

/** Tables (and partitioned tables, whose own statistics nothing else makes) that were never analyzed by ANALYZE here. */
export async function neverAnalyzed(sql: Sql): Promise<readonly Unanalyzed[]> {
  const [tables, partitioned] = [await relations(sql, ['r']), await relations(sql, ['p'])];
  const all = [
    ...tables.map((table) => ({ ...table, statement: vacuumStatement(table) })),
    // After their partitions, which this counts as analyzed.
    ...partitioned.map((table) => ({ ...table, statement: `analyze ${qualified(table.schema, table.name)}` })),
  ];
  const rows = await sql.look<{ schema: string; name: string }>(
    `select schemaname::text as schema, relname::text as name from pg_stat_user_tables where last_analyze is not null`,
  );
  const analyzed = new Set(rows.map((row) => qualified(row.schema, row.name)));
  return all.filter((table) => !analyzed.has(qualified(table.schema, table.name)));
}

/**
 * With VACUUM, or autovacuum comes to the tables just copied: whoever needs such a table's lock (the hand-over in the write stop) waits
 * deadlock_timeout, a second, for each that it is at. Without the truncation, which would hold up the replication.
 */
function vacuumStatement({ schema, name }: Named): string {
  return `vacuum (analyze, truncate false) ${qualified(schema, name)}`;
}

/** By its owner's right; for anybody else the server only warns and skips, which `change` makes an error. */
export async function analyze(sql: Sql, { statement }: Unanalyzed): Promise<void> {
  await sql.change(statement, [], { timeoutMs });
}
