/** `schema.table` → columns whose values may be seen in messages and in the log; every other value is masked. */
export type ShownColumns = Readonly<Record<string, readonly string[]>>;

/** The value, or `***`. That a value is NULL is no secret. */
export function masked(shown: ShownColumns, table: string, column: string, value: string | null): string | null {
  return value === null || (shown[table] ?? []).includes(column) ? value : '***';
}
