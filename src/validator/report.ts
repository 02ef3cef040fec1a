import type { Differing, ObjectDifference, TableVerdict, Verdict } from './types.ts';
import { count, duration, many, size } from './units.ts';
import { pair, shown } from './values.ts';

/** A verdict for a terminal: the answer first, then what differs. */
export function reportOf(verdict: Verdict, rowsPerTable: number, outDir: string | undefined): string {
  const differing = verdict.tables.filter((table) => !table.equal);
  const obstacles = verdict.notCompared.filter(({ obstacle }) => obstacle);
  const aside = verdict.notCompared.filter(({ obstacle }) => !obstacle);
  const unsettled = verdict.tables.filter((table) => table.unsettled > 0);
  return [
    headline(verdict, obstacles.length),
    `${count(verdict.tables.length)} tables, ${count(verdict.rows)} rows, ${size(verdict.bytes)} in ${duration(verdict.durationMs)}${rates(verdict)}`,
    ...(obstacles.length > 0
      ? ['', `${many(obstacles.length, 'object')} could NOT be compared:`, ...obstacles.map((each) => `  ${each.object}: ${each.reason}`)]
      : []),
    ...(differing.length > 0
      ? [
          '',
          `Rows differ in ${many(differing.length, 'table', 'tables')}:`,
          ...tableLines(differing),
          ...differing.flatMap((t) => rowLines(t, rowsPerTable)),
        ]
      : []),
    ...(unsettled.length > 0
      ? ['', `Kept moving, so not judged (no difference): ${unsettled.map((t) => `${t.table} ${count(t.unsettled)} rows`).join(', ')}`]
      : []),
    ...(verdict.objects.length > 0
      ? ['', `${many(verdict.objects.length, 'object differs', 'objects differ')}:`, ...verdict.objects.flatMap(objectLines)]
      : []),
    ...(verdict.expected.length > 0
      ? ['', 'Different as expected:', ...verdict.expected.map((each) => `  ${each.kind} ${each.object}: ${each.reason}`)]
      : []),
    ...(aside.length > 0 ? ['', 'Not compared:', ...aside.map((each) => `  ${each.object}: ${each.reason}`)] : []),
    ...(outDir !== undefined && (!verdict.equal || rowsExpected(verdict))
      ? ['', `All differences: differences.csv and differences.jsonl in ${outDir}`]
      : []),
  ].join('\n');
}

/** They are no difference, and in the files all the same. */
function rowsExpected({ expected }: Verdict): boolean {
  return expected.some(({ kind }) => kind === 'rows');
}

/** What could not be compared may differ: that comes before what does. */
function headline(verdict: Verdict, obstacles: number): string {
  const different = verdict.objects.length > 0 || verdict.tables.some((table) => !table.equal);
  if (obstacles > 0) return different ? 'COULD NOT COMPARE EVERYTHING; what was compared is DIFFERENT' : 'COULD NOT COMPARE EVERYTHING';
  return verdict.equal ? 'EQUAL' : 'DIFFERENT';
}

function rates({ rows, bytes, durationMs }: Verdict): string {
  return rows === 0 || durationMs === 0
    ? ''
    : `: ${count(Math.round((rows / durationMs) * 1_000))} rows/s, ${size((bytes / durationMs) * 1_000)}/s on each side`;
}

function tableLines(tables: readonly TableVerdict[]): string[] {
  const head = ['table', 'source', 'destination', 'missing', 'extra', 'changed'];
  const body = tables.map((t) => [t.table, ...[t.sourceRows, t.destinationRows, t.missing, t.extra, t.changed].map(count)]);
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((line) => line[i]?.length ?? 0)));
  return [head, ...body].map((line) =>
    `  ${line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')}`.trimEnd(),
  );
}

function rowLines(table: TableVerdict, most: number): string[] {
  if (table.missing + table.extra + table.changed === 0) return ['', `${table.table}: somebody wrote to it while it was read`];
  const rows = table.rows.slice(0, most).map((row) => `  ${rowLine(row)}`);
  const more = table.missing + table.extra + table.changed - rows.length;
  return ['', table.table, ...rows, ...(more > 0 ? [`  and ${count(more)} more`] : [])];
}

/** `changed id=77: score 8.774 → 8.775` */
export function rowLine(row: Differing): string {
  const key = Object.entries(row.key)
    .map(([column, value]) => `${column}=${value ?? 'NULL'}`)
    .join(' ');
  const columns = row.columns.map(({ column, source, destination }) => `${column} ${pair(source, destination).join(' → ')}`);
  return `${row.kind} ${key}${columns.length > 0 ? `: ${columns.join('; ')}` : ''}`;
}

function objectLines({ kind, object, source, destination }: ObjectDifference): string[] {
  if (destination === null) return [`  ${kind} ${object}: missing on the destination (${shown(source)})`];
  if (source === null) return [`  ${kind} ${object}: only on the destination (${shown(destination)})`];
  const [there, here] = pair(source, destination);
  return [`  ${kind} ${object}`, `    source:      ${there}`, `    destination: ${here}`];
}
