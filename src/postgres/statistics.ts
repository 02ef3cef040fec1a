import { type Named, relations } from './catalogue.ts';
import { qualified } from './identifiers.ts';
import type { Sql } from './types.ts';

const analyzeTimeoutMs = 2 * 3_600_000;

/** Tables (and partitioned tables, whose own statistics nothing else makes) that were never analyzed by ANALYZE here. */
export async function neverAnalyzed(sql: Sql): Promise<readonly Named[]> {
  const all = await relations(sql, ['r', 'p']);
  const rows = await sql.look<{ schema: string; name: string }>(
    `select schemaname::text as schema, relname::text as name from pg_stat_user_tables where last_analyze is not null`,
  );
  const analyzed = new Set(rows.map((row) => qualified(row.schema, row.name)));
  return all.filter((table) => !analyzed.has(qualified(table.schema, table.name)));
}

/** By its owner's right; for anybody else ANALYZE only warns and skips, which `change` makes an error. */
export async function analyze(sql: Sql, table: Named): Promise<void> {
  await sql.change(`analyze ${qualified(table.schema, table.name)}`, [], { timeoutMs: analyzeTimeoutMs });
}
