import { masked, type ShownColumns } from './masking.ts';
import type { Verdict } from './types.ts';

/** It goes through the run's log and into a thread: some 200 kB. */
const mostLines = 2_000;

/** Every difference of a verdict, one line a column that differs, for a spreadsheet. What the service file does not show is masked. */
export function csvOf(verdict: Verdict, show: ShownColumns): string {
  const lines: string[][] = [];
  for (const { database, kind, object, source, destination } of verdict.objects)
    lines.push([database, object, kind, '', '', source ?? '', destination ?? '']);
  for (const { database, table, rows, missing, extra, changed } of verdict.tables.filter(({ equal }) => !equal)) {
    for (const { key, kind, columns } of rows) {
      const text = (column: string, value: string | null) => masked(show, table, column, value) ?? 'null';
      const keyText = Object.entries(key)
        .map(([column, value]) => `${column}=${text(column, value)}`)
        .join(' ');
      if (columns.length === 0) lines.push([database, table, kind, keyText, '', '', '']);
      for (const { column, source, destination } of columns)
        lines.push([database, table, kind, keyText, column, text(column, source), text(column, destination)]);
    }
    const left = missing + extra + changed - rows.length;
    if (left > 0) lines.push([database, table, 'more', `${left} more rows: npx pgupgrade validate --table ${table} --out DIR lists all`]);
  }
  const left = lines.length - mostLines;
  return [
    ['database', 'object', 'kind', 'key', 'column', 'source', 'destination'],
    ...lines.slice(0, mostLines),
    ...(left > 0 ? [[`${left} more lines: npx pgupgrade validate --out DIR lists all`]] : []),
  ]
    .map((cells) => cells.map(cell).join(','))
    .join('\n');
}

/** A cell that a spreadsheet does not take for a formula. */
function cell(value: string): string {
  const safe = /^[=+\-@\t]/.test(value) ? `'${value}` : value;
  return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
