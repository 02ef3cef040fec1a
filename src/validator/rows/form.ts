import { identifier } from '../../postgres/identifiers.ts';

/** A column as one server describes it. */
export interface Column {
  readonly name: string;
  /** With its modifier, schema-qualified where it is not a built-in: `character varying(20)`, `public.status`. */
  readonly type: string;
  /** pg_type.oid; below 16384 the same type on every server. */
  readonly typeId: number;
}

/**
 * How a row is hashed. `record`: column by column, by PostgreSQL's own hash functions (14+). `text`: the row's text (13).
 * `bytes`: the row's text in UTF-8, where the two databases have different encodings.
 */
export type HashForm = 'record' | 'text' | 'bytes';

const textHash = (value: string, place: number) => `hashtextextended(${value} collate "C", ${place})`;

/**
 * Types with a hash function that tells all their values apart, by pg_type.oid; `place` makes each column's hash another one.
 * Text is taken byte by byte: a nondeterministic collation would hash its sort key.
 */
const hashed: Readonly<Record<number, (value: string, place: number) => string>> = {
  16: (value, place) => `hashint4extended(${value}::int, ${place})`, // boolean
  // hashint8 folds 64 bits into 32, so that 1 and 4294967296 hash alike; as a seed the whole number counts.
  20: (value, place) => `hashint4extended(${place}, ${value})`, // bigint
  21: (value, place) => `hashint2extended(${value}, ${place})`, // smallint
  23: (value, place) => `hashint4extended(${value}, ${place})`, // integer
  25: textHash, // text
  26: (value, place) => `hashoidextended(${value}, ${place})`, // oid
  1043: textHash, // varchar
  2950: (value, place) => `uuid_hash_extended(${value}, ${place})`, // uuid
};

/**
 * Types that are hashed as items of a record: as they are where the type's own hash is exact, else by the bytes of the wire
 * format (-0 = 0, blanks of char(n), and times and LSNs, which are folded like bigint).
 */
const items: Readonly<Record<number, (value: string) => string>> = {
  ...Object.fromEntries([17, 18, 19, 650, 774, 829, 869, 1082].map((typeId) => [typeId, (value: string) => value])), // bytea "char" name cidr macaddr8 macaddr inet date
  700: (value) => `float4send(${value})`,
  701: (value) => `float8send(${value})`,
  1042: (value) => `bpcharsend(${value})`,
  1083: (value) => `time_send(${value})`,
  1114: (value) => `timestamp_send(${value})`,
  1184: (value) => `timestamptz_send(${value})`,
  1266: (value) => `timetz_send(${value})`,
  3220: (value) => `pg_lsn_send(${value})`,
};

/** A column that both sides have. */
export interface SharedColumn {
  readonly name: string;
  readonly type: string;
  /**
   * The built-in type by whose exact hash it is hashed. Absent: by its text, as everything that users make, and what hashes unequal
   * values alike or equal ones apart: arrays (hashed without their dimensions), enums and composites (hashed by oid), numeric and
   * jsonb (1.0 = 1.00), interval ('1 mon' = '30 days').
   */
  readonly exactAs?: number;
}

/** Columns of both, in the order of their names; a column of different types is compared by its text. */
export function sharedColumns(source: readonly Column[], destination: readonly Column[]): SharedColumn[] {
  const others = new Map(destination.map((column) => [column.name, column]));
  return source
    .flatMap((column) => {
      const other = others.get(column.name);
      return other ? [{ name: column.name, type: column.type, ...(isExact(column, other) ? { exactAs: column.typeId } : {}) }] : [];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

const bpchar = 1042;

function isExact({ type, typeId }: Column, other: Column): boolean {
  if (typeId !== other.typeId || !(typeId in hashed || typeId in items)) return false;
  // char(5) and char(10) hold the same value with different padding: the type is a difference of its own, the rows are not.
  return typeId !== bpchar || type === other.type;
}

/** Bytes of a value that are shown whole. */
const longestShown = 16_384;

/** The column's value as people see it: by its output function, so that the blanks of char(n) are seen, and cut by the server where it is long. */
export function shown(column: SharedColumn): string {
  const value = inTable(column);
  const text = column.exactAs === bpchar ? `case when ${value} is not null then format('%s', ${value}) end` : `${value}::text`;
  return `case when octet_length(${text}) > ${longestShown} then format('%s... (%s bytes, md5 %s)', left(${text}, 1000), octet_length(${text}), md5(${text})) else ${text} end`;
}

/**
 * The hash of a row as SQL, a bigint. The columns' hashes are combined by an xor, of which a sum over rows could not tell values
 * that were swapped between rows; the outer hash mixes. It takes them for its seed: as a value 32 of the 64 bits would be folded away.
 */
export function rowHash(columns: readonly SharedColumn[], form: HashForm, seed = 1): string {
  if (columns.length === 0) return '0::bigint';
  const raw = `row(${columns.map(inTable).join(', ')})::text`;
  switch (form) {
    case 'record':
      return `hashint4extended(${seed}, ${recordHashes(columns).join(' # ')})`;
    case 'text':
      return `hashtextextended(${raw}, ${seed})`;
    case 'bytes':
      return `hashtextextended(encode(convert_to(${raw}, 'UTF8'), 'hex'), ${seed})`;
  }
}

/** A record costs more than a function a column (measured: two integers 205 ns a row, 90 so), so that only the rest goes into one. */
function recordHashes(columns: readonly SharedColumn[]): string[] {
  const inRecord: string[] = [];
  const hashes = columns.flatMap((column, i) => {
    const [value, place] = [inTable(column), i + 1];
    const item = column.exactAs === undefined ? undefined : items[column.exactAs];
    if (item) {
      inRecord.push(item(value));
      return [];
    }
    const own = column.exactAs === undefined ? undefined : hashed[column.exactAs];
    return `coalesce(${own ? own(value, place) : textHash(`${value}::text`, place)}, ${place})`;
  });
  return inRecord.length > 0 ? [...hashes, `hash_record_extended(row(${inRecord.join(', ')}), 0)`] : hashes;
}

function inTable({ name }: SharedColumn): string {
  return `t.${identifier(name)}`;
}
