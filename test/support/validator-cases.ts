import fc from 'fast-check';
import { escapeLiteral } from 'pg';
import type { ValueType } from './validator-values.ts';

type Literal = string | null;
export interface Case {
  readonly columns: readonly ValueType[];
  /** Of how many of the first columns the key consists; 0: none, so that rows may repeat. */
  readonly keys: number;
  readonly rows: readonly (readonly Literal[])[];
  readonly change: Change;
}
export type Change =
  | { readonly kind: 'none' }
  | { readonly kind: 'set'; readonly row: number; readonly column: number; readonly value: Literal }
  | { readonly kind: 'delete' | 'repeat'; readonly row: number }
  | { readonly kind: 'insert'; readonly values: readonly Literal[] }
  | { readonly kind: 'swap'; readonly row: number; readonly other: number; readonly column: number };

/** A table with rows, and one change that its twin gets. */
export function cases(types: readonly ValueType[]): fc.Arbitrary<Case> {
  const keyable = types.filter((type) => type.key);
  return fc
    .record({
      keys: fc.constantFrom(0, 1, 1, 1, 2),
      first: fc.array(fc.constantFrom(...keyable), { minLength: 2, maxLength: 2 }),
      others: fc.array(fc.constantFrom(...types), { minLength: 1, maxLength: 5 }),
    })
    .chain(({ keys, first, others }) => {
      const columns = [...first.slice(0, keys), ...others];
      const row = fc.tuple(...columns.map((type, i) => (i < keys ? type.values : fc.option(type.values, { freq: 5 }))));
      const place = fc.nat(11);
      const column = fc.nat(columns.length - 1);
      const set = fc
        .tuple(place, column)
        .chain(([at, which]) =>
          fc
            .option(columns[which]?.values ?? fc.constant(''), { freq: 6 })
            .map((value): Change => ({ kind: 'set', row: at, column: which, value })),
        );
      const change: fc.Arbitrary<Change> = fc.oneof(
        { weight: 1, arbitrary: fc.constant<Change>({ kind: 'none' }) },
        { weight: 10, arbitrary: set },
        { weight: 2, arbitrary: place.map((at): Change => ({ kind: 'delete', row: at })) },
        { weight: 2, arbitrary: row.map((values): Change => ({ kind: 'insert', values })) },
        { weight: 3, arbitrary: fc.record({ row: place, other: place, column }).map((swap): Change => ({ kind: 'swap', ...swap })) },
        { weight: keys === 0 ? 2 : 0, arbitrary: place.map((at): Change => ({ kind: 'repeat', row: at })) },
      );
      return fc.record({
        columns: fc.constant(columns),
        keys: fc.constant(keys),
        rows: fc.array(row, { minLength: 1, maxLength: 10 }),
        change,
      });
    });
}

const name = (column: number) => `c${column}`;
const value = (literal: Literal, type: ValueType) =>
  literal === null ? 'null' : `${escapeLiteral(literal)}::${type.sql.replace(/ collate .*/, '')}`;
const rowSql = (values: readonly Literal[], columns: readonly ValueType[]) =>
  `(${values.map((literal, i) => value(literal, columns[i] ?? { sql: 'text', values: fc.constant('') })).join(', ')})`;

function primaryKey(columns: readonly ValueType[], keys: number): string[] {
  const names = columns.slice(0, keys).map((_, i) => name(i));
  return keys > 0 ? [`primary key (${names.join(', ')})`] : [];
}

/** The table on the source. */
export function made(table: string, { columns, keys, rows }: Case): string[] {
  const declared = columns.map((type, i) => `${name(i)} ${type.sql}`);
  return [
    `create table ${table} (${[...declared, ...primaryKey(columns, keys)].join(', ')})`,
    ...rows.map((row) => `insert into ${table} values ${rowSql(row, columns)}${keys > 0 ? ' on conflict do nothing' : ''}`),
  ];
}

/** Its twin: the same rows as text in the other order, the columns in the other order behind one that was dropped, some rows written twice. */
export function twin(table: string, { columns, keys }: Case, rows: readonly (readonly Literal[])[]): string[] {
  const declared = columns.map((type, i) => `${name(i)} ${type.sql}`).reverse();
  const list = columns.map((_, i) => name(i)).join(', ');
  return [
    `create table ${table} (${['gone int', ...declared, ...primaryKey(columns, keys)].join(', ')})`,
    `alter table ${table} drop column gone`,
    ...[...rows].reverse().map((row) => `insert into ${table} (${list}) values ${rowSql(row, columns)}`),
    `update ${table} set ${name(0)} = ${name(0)} where ctid <= '(0,2)'`,
  ];
}

/** The change on the twin; undefined: none. It may come to nothing (every row has the value already, a key is taken). */
export function changed(table: string, { columns, rows, change }: Case): string | undefined {
  const at = (row: number) => `(select ctid from ${table} order by ctid limit 1 offset ${row % rows.length})`;
  // One of the rows that look otherwise, if there is one.
  const otherThan = (text: string, column: string, salt: number) =>
    `(select ctid from ${table} order by ${column}::text is distinct from ${text} desc, hashtext(ctid::text || '${salt}') limit 1)`;
  const list = columns.map((_, i) => name(i)).join(', ');
  switch (change.kind) {
    case 'none':
      return undefined;
    case 'set': {
      const [column, to] = [name(change.column), value(change.value, columns[change.column] ?? { sql: 'text', values: fc.constant('') })];
      return `update ${table} set ${column} = ${to} where ctid = ${otherThan(`(${to})::text`, column, change.row)}`;
    }
    case 'delete':
      return `delete from ${table} where ctid = ${at(change.row)}`;
    case 'repeat':
      return `insert into ${table} (${list}) select ${list} from ${table} where ctid = ${at(change.row)}`;
    case 'insert':
      return `insert into ${table} (${list}) values ${rowSql(change.values, columns)}`;
    case 'swap': {
      const column = name(change.column);
      const a = at(change.row);
      const b = otherThan(`(select ${column}::text from ${table} where ctid = ${a})`, column, change.other);
      return `update ${table} x set ${column} = y.${column} from ${table} y where (x.ctid = ${a} and y.ctid = ${b}) or (x.ctid = ${b} and y.ctid = ${a})`;
    }
    default:
      return change satisfies never;
  }
}
