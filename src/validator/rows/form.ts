import { identifier, literal } from '../../postgres/identifiers.ts';
import { asBytes, bytesHash, hashed, textHash } from './exact.ts';

/** A column, or a field of a composite type, as one server describes it. */
export interface Column {
  readonly name: string;
  /** With its modifier, schema-qualified where it is not a built-in: `character varying(20)`, `public.status`. */
  readonly type: string;
  /** pg_type.oid; below 16384 the same type on every server. */
  readonly typeId: number;
  /** Of a composite type, in their order. */
  readonly fields?: readonly Column[];
  /** Of an enum, in their order. */
  readonly labels?: readonly string[];
}

/**
 * How a row is hashed. `columns`: each by PostgreSQL's own hash functions (14+). `text`: the row's text (13).
 * `bytes`: the row's text in UTF-8, where the two databases have different encodings.
 */
export type HashForm = 'columns' | 'text' | 'bytes';

/** A column that both sides have. */
export interface SharedColumn {
  readonly name: string;
  readonly type: string;
  /**
   * The built-in type by whose exact hash it is hashed. Absent, also without fields and labels: by its text, as most of what users make,
   * and what hashes unequal values alike or equal ones apart: enums and what contains them (hashed by oid), jsonb (1.0 = 1.00),
   * interval ('1 mon' = '30 days').
   */
  readonly exactAs?: number;
  /** Of a composite type that has the same ones in the same order on both sides: it is hashed by them, in the order of their names. */
  readonly fields?: readonly SharedColumn[];
  /** Labels that an enum has on both sides. */
  readonly labels?: readonly string[];
}

/** Columns of both, in the order of their names; a column of different types is compared by its text. */
export function sharedColumns(source: readonly Column[], destination: readonly Column[]): SharedColumn[] {
  const others = new Map(destination.map((column) => [column.name, column]));
  return source
    .flatMap((column) => {
      const other = others.get(column.name);
      return other ? [{ name: column.name, type: column.type, ...sharedHash(column, other) }] : [];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function sharedHash(column: Column, other: Column): Partial<SharedColumn> {
  if (isExact(column, other)) return { exactAs: column.typeId };
  if (column.type !== other.type) return {};
  const labels = column.labels?.filter((label) => other.labels?.includes(label)) ?? [];
  if (labels.length > 0 && labels.length <= mostLabels) return { labels };
  const { fields = [] } = column;
  if (fields.length > 0 && declared(fields) === declared(other.fields ?? [])) return { fields: sharedColumns(fields, other.fields ?? []) };
  return {};
}

function declared(fields: readonly Column[]): string {
  return JSON.stringify(fields.map(({ name, type }) => [name, type]));
}

/** A value is laid beside one label after the other: with more of them its text is cheaper. */
const mostLabels = 10;
const bpchar = 1042;

function isExact({ type, typeId }: Column, other: Column): boolean {
  if (typeId !== other.typeId || !(typeId in hashed || typeId in asBytes)) return false;
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
    case 'columns':
      return `hashint4extended(${seed}, ${columnHashes(columns).join(' # ')})`;
    case 'text':
      return `hashtextextended(${raw}, ${seed})`;
    case 'bytes':
      return `hashtextextended(encode(convert_to(${raw}, 'UTF8'), 'hex'), ${seed})`;
  }
}

/** As many columns as a table may have: an expression of more is too deep for the server's stack. */
const mostHashes = 1_600;

/** One function a column costs less than a record of them (measured: two integers 205 ns a row, 90 so). */
function columnHashes(columns: readonly SharedColumn[]): string[] {
  const bytes: string[] = [];
  const hashes: string[] = [];
  const byField = columns.reduce((sum, column) => sum + leaves(column), 0) <= mostHashes;
  let last = columns.length;
  const take = (column: SharedColumn, value: string, place: number, absent = String(place)) => {
    const send = bytesOf(column);
    if (send) bytes.push(send(value));
    else if (column.fields && byField) takeFields(column.type, column.fields, value, place);
    else hashes.push(`coalesce(${ownHash(column, value, place)}, ${absent})`);
  };
  const takeFields = (type: string, fields: readonly SharedColumn[], value: string, place: number) => {
    // No NULL is ROW(NULL, …), but both have fields that are NULL. The branch that is never taken makes it an error, and not
    // a field that goes unseen, if the type has got another number of fields since it was looked at.
    const shape = `case when false then row(${fields.map(() => 'null').join(', ')})::${type} end`;
    const absent = `hashint4extended(num_nonnulls(${value}, ${shape}), ${place})`;
    // A field that is NULL where the whole is tells it at no cost for the others.
    const bearer = fields.find((field) => !bytesOf(field) && !field.fields);
    if (!bearer) hashes.push(absent);
    for (const field of fields) take(field, `(${value}).${identifier(field.name)}`, ++last, field === bearer ? absent : undefined);
  };
  for (const [i, column] of columns.entries()) take(column, inTable(column), i + 1);
  return bytes.length > 0 ? [...hashes, bytesHash(bytes)] : hashes;
}

function leaves({ fields }: SharedColumn): number {
  return fields ? fields.reduce((sum, field) => sum + leaves(field), 1) : 1;
}

function bytesOf({ exactAs }: SharedColumn): ((value: string) => string) | undefined {
  return exactAs === undefined ? undefined : asBytes[exactAs];
}

function ownHash({ exactAs, type, labels }: SharedColumn, value: string, place: number): string {
  const own = exactAs === undefined ? undefined : hashed[exactAs];
  if (own) return own(value, place);
  const byText = textHash(`${value}::text`, place);
  if (!labels) return byText;
  // The same hash as the text's, computed once for each label: the output function looks each value up in the catalogue.
  const known = labels.map((label) => `when ${literal(label)}::${type} then ${textHash(literal(label), place)}`);
  return `case ${value} ${known.join(' ')} else ${byText} end`;
}

function inTable({ name }: SharedColumn): string {
  return `t.${identifier(name)}`;
}
