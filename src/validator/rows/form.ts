import { identifier } from '../../postgres/identifiers.ts';

/** A column as one server describes it. */
export interface Column {
  readonly name: string;
  /** With its modifier, schema-qualified where it is not a built-in: `character varying(20)`, `public.status`. */
  readonly type: string;
  /** pg_type.oid; below 16384 the same type on every server. */
  readonly typeId: number;
  /** A nondeterministic collation: its hash follows the sort key, so that unequal texts hash alike. */
  readonly nondeterministic: boolean;
}

/**
 * How a row is hashed. `record`: column by column by the types' own hash functions (14+). `text`: the row's text (13).
 * `bytes`: the row's text in UTF-8, where the two databases have different encodings.
 */
export type HashForm = 'record' | 'text' | 'bytes';

/**
 * Types whose own hash is exact, whose text is the same value on every server and whose oids never change: boolean, bytea,
 * "char", name, bigint, smallint, integer, text, oid, cidr, macaddr8, macaddr, inet, varchar, date, time, timestamp,
 * timestamptz, timetz, uuid, pg_lsn. Not in it: arrays (hashed without their dimensions), enums and composites (hashed by
 * oid), numeric, jsonb (1.0 = 1.00), interval ('1 mon' = '30 days'), float (-0 = 0), char(n) (trailing blanks).
 */
const native = new Set([16, 17, 18, 19, 20, 21, 23, 25, 26, 650, 774, 829, 869, 1043, 1082, 1083, 1114, 1184, 1266, 2950, 3220]);
const send: Readonly<Record<number, string>> = { 700: 'float4send', 701: 'float8send', 1042: 'bpcharsend' };

/** The columns that both sides have, by name, with the form in which each is hashed. */
export interface SharedColumn {
  readonly name: string;
  readonly type: string;
  readonly form: 'native' | 'text' | 'float4send' | 'float8send' | 'bpcharsend';
  readonly nondeterministic: boolean;
}

/** Columns of both, in the order of their names; a column of different types is compared by its text. */
export function sharedColumns(source: readonly Column[], destination: readonly Column[]): SharedColumn[] {
  const others = new Map(destination.map((column) => [column.name, column]));
  return source
    .flatMap((column) => {
      const other = others.get(column.name);
      if (!other) return [];
      const nondeterministic = column.nondeterministic || other.nondeterministic;
      return [{ name: column.name, type: column.type, form: formOf(column, other), nondeterministic }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function formOf(column: Column, other: Column): SharedColumn['form'] {
  if (column.typeId >= 16384 || column.typeId !== other.typeId) return 'text';
  if (native.has(column.typeId)) return 'native';
  const function_ = send[column.typeId];
  // char(5) and char(10) hold the same value with different padding: the type is a difference of its own, the rows are not.
  if (function_ === 'bpcharsend') return column.type === other.type ? 'bpcharsend' : 'text';
  return function_ === 'float4send' || function_ === 'float8send' ? function_ : 'text';
}

/** The column's exact value, in the form that is hashed. */
export function exact(column: SharedColumn): string {
  const value = `t.${identifier(column.name)}`;
  const text = column.form === 'text' ? `${value}::text` : value;
  switch (column.form) {
    case 'native':
    case 'text':
      return column.nondeterministic ? `${text} collate "C"` : text;
    case 'float4send':
    case 'float8send':
    case 'bpcharsend':
      return `${column.form}(${value})`;
  }
}

/** Bytes of a value that are shown whole. */
const longestShown = 16_384;

/** The column's value as people see it: by its output function, so that the blanks of char(n) are seen, and cut by the server where it is long. */
export function shown(column: SharedColumn): string {
  const value = `t.${identifier(column.name)}`;
  const text = column.form === 'bpcharsend' ? `case when ${value} is not null then format('%s', ${value}) end` : `${value}::text`;
  return `case when octet_length(${text}) > ${longestShown} then format('%s... (%s bytes, md5 %s)', left(${text}, 1000), octet_length(${text}), md5(${text})) else ${text} end`;
}

/**
 * The hash of a row as SQL, a bigint. hash_record_extended is linear in the columns' hashes, so that a sum of it could
 * not see values swapped between rows (measured: 1,000 of 1,000); the outer hash mixes.
 */
export function rowHash(columns: readonly SharedColumn[], form: HashForm, seed = 1): string {
  if (columns.length === 0) return '0::bigint';
  const raw = `row(${columns.map((column) => `t.${identifier(column.name)}`).join(', ')})::text`;
  switch (form) {
    case 'record':
      return `hashint8extended(hash_record_extended(row(${columns.map(exact).join(', ')}), 0), ${seed})`;
    case 'text':
      return `hashtextextended(${raw}, ${seed})`;
    case 'bytes':
      return `hashtextextended(encode(convert_to(${raw}, 'UTF8'), 'hex'), ${seed})`;
  }
}
