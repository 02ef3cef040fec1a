import { masked, type ShownColumns } from './masking.ts';
import type { Differing, ObjectDifference, TableVerdict, Verdict } from './types.ts';
import { count, many } from './units.ts';
import { pair, shown } from './values.ts';

/** A heading with a table (its first row is the head) or with lines word for word. */
export interface Exhibit {
  readonly title: string;
  readonly table?: readonly (readonly string[])[];
  readonly lines?: readonly string[];
}
/** What is inline; the file has the rest. */
const most = { tables: 5, rowsOfTable: 5, objects: 10 } as const;

/** What people see of a verdict: a table of the whole, then what differs, `- source` and `+ destination`, values masked. */
export function exhibitsOf(verdict: Verdict, show: ShownColumns, rowsOfTable: number = most.rowsOfTable): readonly Exhibit[] {
  const differing = verdict.tables.filter(({ equal }) => !equal);
  const left = differing.length - most.tables;
  return [
    { title: 'Source and destination', table: summary(verdict, differing) },
    ...differing.slice(0, most.tables).map((table) => ({ title: tableTitle(table), lines: tableLines(table, show, rowsOfTable) })),
    ...(left > 0 ? [{ title: `${count(left)} more tables differ; the file lists them.`, lines: [] }] : []),
    ...(verdict.objects.length > 0
      ? [{ title: many(verdict.objects.length, 'object differs', 'objects differ'), lines: objectLines(verdict.objects) }]
      : []),
  ];
}

function summary(verdict: Verdict, differing: readonly TableVerdict[]): readonly (readonly string[])[] {
  const equal = verdict.tables.filter((table) => table.equal);
  const sum = (of: (table: TableVerdict) => number) => count(equal.reduce((total, table) => total + of(table), 0));
  const obstacles = verdict.notCompared.filter(({ obstacle }) => obstacle).length;
  const unsettled = verdict.tables.reduce((total, table) => total + table.unsettled, 0);
  return [
    ['what', 'source', 'destination', 'result'],
    ...differing
      .slice(0, most.tables)
      .map((table) => [`rows of ${table.table}`, count(table.sourceRows), count(table.destinationRows), `❌ ${outcome(table)}`]),
    ...(equal.length > 0
      ? [
          [
            `rows of ${many(equal.length, differing.length > 0 ? 'other table' : 'table')}`,
            sum((table) => table.sourceRows),
            sum((table) => table.destinationRows),
            unsettled > 0 ? `✅ equal, ${many(unsettled, 'row')} still moving` : '✅ equal',
          ],
        ]
      : []),
    ['schema, sequences', '', '', verdict.objects.length > 0 ? `❌ ${many(verdict.objects.length, 'difference')}` : '✅ equal'],
    ...(obstacles > 0 ? [['could not be compared', '', '', `❌ ${many(obstacles, 'object')}`]] : []),
    ...(verdict.expected.length > 0 ? [['intended by the run', '', '', many(verdict.expected.length, 'difference')]] : []),
  ];
}

function tableTitle(table: TableVerdict): string {
  return `${table.table} · ${outcome(table)} of ${many(Math.max(table.sourceRows, table.destinationRows), 'row')}`;
}

function outcome({ missing, extra, changed }: TableVerdict): string {
  const parts = [
    ...(changed > 0 ? [`${count(changed)} changed`] : []),
    ...(missing > 0 ? [`${count(missing)} missing`] : []),
    ...(extra > 0 ? [`${count(extra)} extra`] : []),
  ];
  return parts.join(', ') || 'written to while it was read';
}

function tableLines(table: TableVerdict, show: ShownColumns, rowsOfTable: number): readonly string[] {
  const rows = table.rows.slice(0, rowsOfTable).flatMap((row) => rowLines(table.table, row, show));
  const left = table.missing + table.extra + table.changed - Math.min(table.rows.length, rowsOfTable);
  return [...rows, ...(left > 0 ? [`… ${many(left, 'more row')}`] : [])];
}

/** `id=88123`, then `- priority 3` and `+ priority 4` for each column; a row that one side lacks is one line. */
export function rowLines(table: string, row: Differing, show: ShownColumns): readonly string[] {
  const key = Object.entries(row.key)
    .map(([column, value]) => `${column}=${shown(masked(show, table, column, value))}`)
    .join(' ');
  switch (row.kind) {
    case 'missing':
      return [`- ${key}   only on the source`];
    case 'extra':
      return [`+ ${key}   only on the destination`];
    case 'changed':
      return [
        key,
        ...row.columns.flatMap(({ column, source, destination }) => {
          const [old, now] = pair(masked(show, table, column, source), masked(show, table, column, destination));
          return [`- ${column} ${old}`, `+ ${column} ${now}`];
        }),
      ];
    default:
      return row.kind satisfies never;
  }
}

function objectLines(objects: readonly ObjectDifference[]): readonly string[] {
  const lines = objects.slice(0, most.objects).flatMap(({ kind, object, source, destination }) => {
    const [old, now] = pair(source, destination);
    return [
      `${kind} ${object}`,
      `- ${source === null ? 'not on the source' : old}`,
      `+ ${destination === null ? 'not on the destination' : now}`,
    ];
  });
  const left = objects.length - most.objects;
  return [...lines, ...(left > 0 ? [`… ${many(left, 'more object')}`] : [])];
}
