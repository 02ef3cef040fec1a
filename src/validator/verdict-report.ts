import type { TableVerdict, Verdict } from './types.ts';

/** What of a verdict may stand in the run's log: counts, no values but those that the service file shows. */
export interface VerdictRecord {
  readonly equal: boolean;
  readonly tables: number;
  readonly rows: number;
  readonly bytes: number;
  readonly durationMs: number;
  readonly expected: number;
  /** Sentences, at most `longest`. */
  readonly differences: readonly string[];
  readonly count: number;
  readonly csv: string;
}
const longest = 20;
const csvLines = 500;

/** `showValues`: `schema.table` → columns whose values may be seen; every other value is masked. */
export function recordOf(verdict: Verdict, showValues: Readonly<Record<string, readonly string[]>>): VerdictRecord {
  const tables = verdict.tables.filter(({ equal }) => !equal);
  const sentences = [
    ...tables.map((table) => `${table.table}: ${table.missing} rows missing, ${table.extra} extra, ${table.changed} changed`),
    ...verdict.objects.map(
      ({ kind, object, source, destination }) =>
        `${kind} ${object}: ${source ?? 'not on the source'} / ${destination ?? 'not on the destination'}`,
    ),
  ];
  return {
    equal: verdict.equal,
    tables: verdict.tables.length,
    rows: verdict.rows,
    bytes: verdict.bytes,
    durationMs: verdict.durationMs,
    expected: verdict.expected.length,
    differences: sentences.slice(0, longest),
    count: sentences.length,
    csv: verdict.equal ? '' : csvOf(verdict, tables, showValues),
  };
}

/** One sentence of what was compared. */
export function verdictText(record: VerdictRecord): string {
  const figures = `${record.tables} tables, ${record.rows} rows, schema and sequences in ${(record.durationMs / 1000).toFixed(1)} s`;
  return record.equal
    ? `equal: ${figures}${record.expected > 0 ? `; ${record.expected} differences are intended` : ''}`
    : `${record.count} differences in ${figures}: ${record.differences.slice(0, 5).join('; ')}`;
}

function csvOf(verdict: Verdict, tables: readonly TableVerdict[], showValues: Readonly<Record<string, readonly string[]>>): string {
  const lines: string[][] = [['database', 'object', 'kind', 'key', 'column', 'source', 'destination']];
  for (const { database, kind, object, source, destination } of verdict.objects)
    lines.push([database, object, kind, '', '', source ?? '', destination ?? '']);
  for (const { database, table, rows } of tables)
    for (const { key, kind, columns } of rows) {
      const shown = (column: string, value: string | null) =>
        value === null ? 'null' : (showValues[table] ?? []).includes(column) ? value : '***';
      const keyText = Object.entries(key)
        .map(([column, value]) => `${column}=${shown(column, value)}`)
        .join(' ');
      if (columns.length === 0) lines.push([database, table, kind, keyText, '', '', '']);
      for (const { column, source, destination } of columns)
        lines.push([database, table, kind, keyText, column, shown(column, source), shown(column, destination)]);
    }
  return lines
    .slice(0, csvLines)
    .map((cells) => cells.map(cell).join(','))
    .join('\n');
}

/** A cell that a spreadsheet does not take for a formula. */
function cell(value: string): string {
  const safe = /^[=+\-@\t]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
