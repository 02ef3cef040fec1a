import { NeedsHuman } from '../errors.ts';
import { type DroppedConstraint, duplicateRows, restoreConstraint } from '../postgres/restore-constraint.ts';
import type { Sql } from '../postgres/types.ts';
import { masked } from './masking.ts';

/**
 * Gives a constraint back. Duplicates are told with their rows: what a person needs to find them; values that the service file does
 * not show are masked.
 */
export async function restoreShowingRows(
  { validation }: { readonly validation: { readonly showValues: Parameters<typeof masked>[0] } },
  sql: Sql,
  entry: DroppedConstraint,
): Promise<void> {
  try {
    await restoreConstraint(sql, entry);
  } catch (error) {
    if (!(error instanceof NeedsHuman) || error.code !== 'postgres.duplicate-rows') throw error;
    const { columns, rows } = await duplicateRows(sql, entry);
    const table = `${entry.schema}.${entry.table}`;
    const shown = validation.showValues;
    const head = [...new Set([...(shown[table] ?? []), ...columns])];
    const text = (value: unknown) => (value === null || value === undefined ? null : String(value));
    const lines = rows.map((row) => head.map((column) => masked(shown, table, column, text(row[column])) ?? 'NULL'));
    throw new NeedsHuman(error.code, error.message, {
      remedy: error.remedy,
      cause: error,
      tables: [{ title: `Rows of ${table} with the same key`, table: [head, ...lines] }],
    });
  }
}
