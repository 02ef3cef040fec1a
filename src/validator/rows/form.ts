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
 * Types whose own hash tells all their values apart, whose text is the same value on every server and whose oids never
 * change: boolean, bytea, "char", name, smallint, integer, text, oid, cidr, macaddr8, macaddr, inet, varchar, date, uuid. Not in it:
 * arrays (hashed without their dimensions), enums and composites (hashed by oid), numeric, jsonb (1.0 = 1.00), interval ('1 mon' =
 * '30 days'), float (-0 = 0), char(n) (trailing blanks), and whatever is 64 bits wide: hashint8 folds them into 32, so that -1 and
 * 4294967295, 1 and 4294967296 hash alike, and as well times, timestamps and LSNs.
 */
const native = new Set([16, 17, 18, 19, 21, 23, 25, 26, 650, 774, 829, 869, 1043, 1082, 2950]);
const bigint = 20;
/** Of these, the bytes of the wire format. */
const send = {
  700: 'float4send',
  701: 'float8send',
  1042: 'bpcharsend',
  1083: 'time_send',
  1114: 'timestamp_send',
  1184: 'timestamptz_send',
  1266: 'timetz_send',
  3220: 'pg_lsn_send',
} as const;
type Send = (typeof send)[keyof typeof send];

/** The columns that both sides have, by name, with the form in which each is hashed. */
export interface SharedColumn {
  readonly name: string;
  readonly type: string;
  readonly form: 'native' | 'halves' | 'text' | Send;
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

function formOf({ type, typeId }: Column, other: Column): SharedColumn['form'] {
  if (typeId >= 16384 || typeId !== other.typeId) return 'text';
  if (native.has(typeId)) return 'native';
  if (typeId === bigint) return 'halves';
  const sent = isSent(typeId) ? send[typeId] : 'text';
  // char(5) and char(10) hold the same value with different padding: the type is a difference of its own, the rows are not.
  return sent === 'bpcharsend' && type !== other.type ? 'text' : sent;
}

function isSent(typeId: number): typeId is keyof typeof send {
  return Object.hasOwn(send, typeId);
}

/** The column's exact value, in the form that is hashed: one or two items of a row. */
export function exact(column: SharedColumn): string {
  const value = `t.${identifier(column.name)}`;
  const text = column.form === 'text' ? `${value}::text` : value;
  switch (column.form) {
    case 'native':
    case 'text':
      return column.nondeterministic ? `${text} collate "C"` : text;
    case 'halves':
      // The fold of both halves, and the upper one: together the whole number.
      return `${value}, ${value} >> 32`;
    default:
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
 * not see values swapped between rows (measured: 1,000 of 1,000). The outer hash mixes, and takes it for its seed: as a value
 * 32 of the 64 bits would be folded away.
 */
export function rowHash(columns: readonly SharedColumn[], form: HashForm, seed = 1): string {
  if (columns.length === 0) return '0::bigint';
  const raw = `row(${columns.map((column) => `t.${identifier(column.name)}`).join(', ')})::text`;
  switch (form) {
    case 'record':
      return `hashint4extended(${seed}, hash_record_extended(row(${columns.map(exact).join(', ')}), 0))`;
    case 'text':
      return `hashtextextended(${raw}, ${seed})`;
    case 'bytes':
      return `hashtextextended(encode(convert_to(${raw}, 'UTF8'), 'hex'), ${seed})`;
  }
}
