import fc from 'fast-check';
import { made } from './validator-made-types.ts';

/**
 * Literals of a type, many of them nearly the same value: what `=` or a hash function takes for equal (1.0 and 1.00, 'a' and 'A',
 * -0 and 0) and what only looks different (the same instant in another time zone).
 */
export interface ValueType {
  /** As a column's declaration. */
  readonly sql: string;
  readonly values: fc.Arbitrary<string>;
  /** A btree orders it, so that it can be a key. */
  readonly key?: boolean;
  /** The major version that has it first. */
  readonly since?: number;
}

const one = (...literals: readonly string[]) => fc.constantFrom(...literals);
const or = (some: fc.Arbitrary<string>, ...literals: readonly string[]) => fc.oneof(some, one(...literals));
const whole = (bits: number) =>
  or(fc.bigInt({ min: -(2n ** BigInt(bits - 1)), max: 2n ** BigInt(bits - 1) - 1n }).map(String), '0', '1', '-1');
/** Neighbours of a value whose 64 bits come to the same when both halves are folded into one. */
const folded = ['2000-01-01 00:00:00.000001', '2000-01-01 01:11:34.967296'];
const foldedTimes = folded.map((text) => text.slice(11));
const texts = or(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.replaceAll('\0', '')),
  ...['', ' ', 'a', 'A', 'a ', 'ä', 'a\u0308', 'NULL', '"', '\\', "'", ',', '(a,b)', '{a}', 'a\nb', '数', '1.0'],
);
const hex = fc.uint8Array({ maxLength: 6 }).map((bytes) => `\\x${Buffer.from(bytes).toString('hex')}`);
const floats = ['0', '-0', 'NaN', 'Infinity', '-Infinity', '1', '1e-5', '0.1', '0.30000000000000004', '0.3'];
const day = fc.integer({ min: -100_000, max: 100_000 }).map((n) => `J${2_451_545 + n}`);

/** Every built-in type that a column may have, by its name in pg_type. */
export const builtIn: Readonly<Record<string, Omit<ValueType, 'sql'>>> = {
  bool: { values: one('true', 'false'), key: true },
  bytea: { values: or(hex, '\\x', '\\x00'), key: true },
  char: { values: one('a', 'A', ' ', '0') },
  name: { values: one('', 'n', 'N', 'n '), key: true },
  int8: { values: or(whole(64), '4294967296', '4294967295'), key: true },
  int2: { values: whole(16), key: true },
  int4: { values: whole(32), key: true },
  int2vector: { values: one('', '1', '1 2', '2 1') },
  oidvector: { values: one('', '1', '1 2', '2 1') },
  text: { values: texts, key: true },
  varchar: { values: texts, key: true },
  bpchar: { values: one('', 'a', 'A', 'a ', 'ä'), key: true },
  oid: { values: one('0', '1', '4294967295'), key: true },
  tid: { values: one('(0,0)', '(0,1)', '(1,0)') },
  xid: { values: one('0', '1', '4294967295') },
  xid8: { values: one('0', '1', '18446744073709551615') },
  cid: { values: one('0', '1') },
  json: { values: one('1', '1.0', ' 1', '{"a":1}', '{"a": 1}', '{"a":1,"a":1}', '"\\u00e4"', '"ä"', 'null') },
  jsonb: {
    values: one(
      '1',
      '1.0',
      '1.00',
      '{"a": 1.0}',
      '{"a": 1.00}',
      '{"a":1,"b":2}',
      '{"b":2,"a":1}',
      '[]',
      '{}',
      'null',
      '"null"',
      '[1.0]',
      '[1]',
    ),
  },
  jsonpath: { values: one('$', '$.a', '$.a[*] ? (@ > 1)', '$.a[*] ? (@ > 1.0)', 'strict $') },
  xml: { values: one('<a>b</a>', '<a> b</a>', '<a/>', '<a></a>', 'x') },
  point: { values: one('(0,0)', '(-0,0)', '(0,-0)', '(1e-7,0)', '(1,2)', '(NaN,1)') },
  lseg: { values: one('[(0,0),(1,1)]', '[(1,1),(0,0)]', '[(-0,0),(1,1)]') },
  path: { values: one('[(0,0),(1,1)]', '((0,0),(1,1))', '[(0,0),(1,1),(1,1)]') },
  box: { values: one('(1,1),(0,0)', '(0,0),(1,1)', '(1,1),(-0,0)', '(1.0000001,1),(0,0)') },
  polygon: { values: one('((0,0),(1,1),(2,0))', '((1,1),(2,0),(0,0))', '((0,0),(1,1),(2,-0))') },
  line: { values: one('{1,2,3}', '{2,4,6}', '{1,2,-3}') },
  circle: { values: one('<(0,0),1>', '<(-0,0),1>', '<(0,0),1.0000001>') },
  float4: { values: or(fc.float().map(String), ...floats), key: true },
  float8: { values: or(fc.double().map(String), ...floats), key: true },
  macaddr: { values: one('08:00:2b:01:02:03', '08002b:010203', '08:00:2b:01:02:04'), key: true },
  macaddr8: { values: one('08:00:2b:01:02:03:04:05', '08:00:2b:01:02:03', '08:00:2b:ff:fe:01:02:03'), key: true },
  money: { values: one('0', '0.01', '-0.01', '12.34') },
  cidr: { values: one('10.0.0.0/8', '10.0.0.0/9', '10', '::/0'), key: true },
  inet: { values: one('10.0.0.1/8', '10.0.0.1/24', '10.0.0.1', '10.0.0.1/32', '::1'), key: true },
  date: { values: or(day, '2024-02-29', 'infinity', '-infinity', '0044-03-15 BC'), key: true },
  time: { values: one('00:00', '24:00', '12:34:56.789', '12:34:56.789001', ...foldedTimes), key: true },
  timetz: { values: one('12:00+02', '11:00+01', '12:00+01', '10:00Z', ...foldedTimes.map((text) => `${text}Z`)), key: true },
  timestamp: { values: or(day, '2024-02-29 12:00', '2024-02-29 12:00:00.000001', 'infinity', ...folded), key: true },
  timestamptz: {
    values: one(
      ...['2024-03-31 02:30+01', '2024-03-31 01:30Z', '2024-03-31 03:30 Europe/Berlin', '2024-03-31 01:30:00.000001Z', '-infinity'],
      ...folded.map((text) => `${text}Z`),
    ),
    key: true,
  },
  interval: { values: one('1 mon', '30 days', '720 hours', '0', '1 day', '24 hours', '-1 day +00:00:01', '1 year 2 mons'), key: true },
  numeric: {
    values: or(
      fc.double({ noDefaultInfinity: true }).map(String),
      '0',
      '0.0',
      '-0',
      '1',
      '1.0',
      '1.00',
      'NaN',
      '1e30',
      '1e-20',
      '123456789012345678901234567890.10',
    ),
    key: true,
  },
  bit: { values: one('1', '0') },
  varbit: { values: one('', '0', '00', '1', '10', '0001'), key: true },
  uuid: { values: or(fc.uuid(), '00000000-0000-0000-0000-000000000000'), key: true },
  pg_lsn: { values: one('0/0', '0/1', '1/0'), key: true },
  tsvector: { values: one('', 'a', "'a':1", "'a':1A", "'a':1 'b':2", 'A') },
  tsquery: { values: one('a', 'a & b', 'a | b', 'b & a', 'a:*', '!a', 'a <-> b') },
  refcursor: { values: one('c', 'C', '') },
  txid_snapshot: { values: one('10:20:10,14', '10:20:', '10:20:14') },
  pg_snapshot: { values: one('10:20:10,14', '10:20:', '10:20:14') },
  regclass: { values: one('pg_class', 'pg_type', '-') },
  regproc: { values: one('now', 'pg_backend_pid', '-') },
  regprocedure: { values: one('sin(double precision)', 'cos(double precision)') },
  regoper: { values: one('|/', '||/', '0') },
  regoperator: { values: one('+(integer,integer)', '-(integer,integer)') },
  regtype: { values: one('integer', 'text', 'timestamp with time zone') },
  regrole: { values: one('pg_monitor', 'pg_signal_backend') },
  regnamespace: { values: one('pg_catalog', 'pg_toast') },
  regcollation: { values: one('"C"', '"POSIX"') },
  regconfig: { values: one('simple', 'english') },
  regdictionary: { values: one('simple', 'english_stem') },
  regdatabase: { values: one('postgres', 'template1'), since: 18 },
  aclitem: { values: one('pg_monitor=r/pg_monitor', 'pg_monitor=w/pg_monitor') },
  int4range: { values: one('empty', '[1,2)', '[1,1]', '(0,2)', '[1,)', '(,)', '[1,3)'), key: true },
  int8range: { values: one('empty', '[1,2)', '[1,1]', '[1,)'), key: true },
  numrange: { values: one('empty', '[1.0,2)', '[1.00,2)', '[1,2)', '[1,2]', '(1,2)'), key: true },
  daterange: { values: one('[2024-01-01,2024-01-02)', '[2024-01-01,2024-01-01]', '[2024-01-01,infinity)', '[2024-01-01,)'), key: true },
  tsrange: { values: one('[2024-01-01,2024-01-02)', '[2024-01-01,2024-01-02]', 'empty'), key: true },
  tstzrange: { values: one('[2024-01-01 00:00Z,)', '[2024-01-01 01:00+01,)', '(2024-01-01 00:00Z,)'), key: true },
  int4multirange: { values: one('{}', '{[1,2)}', '{[1,2),[3,4)}', '{[1,1]}'), since: 14 },
  int8multirange: { values: one('{}', '{[1,2)}', '{[1,3)}'), since: 14 },
  nummultirange: { values: one('{}', '{[1.0,2)}', '{[1.00,2)}'), since: 14 },
  datemultirange: { values: one('{}', '{[2024-01-01,2024-01-02)}'), since: 14 },
  tsmultirange: { values: one('{}', '{[2024-01-01,2024-01-02)}'), since: 14 },
  tstzmultirange: { values: one('{}', '{[2024-01-01 00:00Z,2024-01-02 00:00Z)}'), since: 14 },
};

/** One-dimensional, with other bounds, in rows and in columns, empty, with NULLs: often the same elements in another shape. */
function arrayOf(type: ValueType): ValueType {
  const item = (value: string | null) => (value === null ? 'NULL' : `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`);
  // An item of type box ends with another character than the others'.
  const listed = (values: readonly string[]) => `{${values.join(type.sql.includes('"box"') ? ';' : ',')}}`;
  const items = fc.array(fc.option(type.values, { freq: 4 }).map(item), { maxLength: 3 });
  const some = items.filter((values) => values.length > 0);
  const from = fc.integer({ min: -1, max: 2 });
  const bounds = (first: number, values: readonly string[]) => `[${first}:${first + values.length - 1}]`;
  return {
    sql: `${type.sql.replace(/ collate .*/, '')}[]`,
    values: fc.oneof(
      items.map(listed),
      fc.tuple(from, some).map(([first, values]) => `${bounds(first, values)}=${listed(values)}`),
      some.map((values) => listed([listed(values)])),
      some.map((values) => listed(values.map((value) => listed([value])))),
      fc.tuple(from, some).map(([first, values]) => `[1:1]${bounds(first, values)}=${listed([listed(values)])}`),
    ),
    ...(type.since ? { since: type.since } : {}),
  };
}

/** Every type and the arrays of it, as both versions have them. */
export function valueTypes(oldest: number): readonly ValueType[] {
  const scalars = [...Object.entries(builtIn).map(([name, type]) => ({ ...type, sql: `pg_catalog."${name}"` })), ...made];
  const all = [...scalars, ...scalars.filter(({ sql }) => !/vector"$|collate|\[\]$/.test(sql) || sql.includes('ts')).map(arrayOf)];
  return all.filter((type) => (type.since ?? 0) <= oldest);
}

/** What is hashed part by part: composites, and arrays of what has an exact hash. */
export function isOfParts({ sql }: ValueType): boolean {
  return composite.test(sql) || exactArray.test(sql) || /^(int|varchar|text)\[\]/.test(sql);
}
const composite = /^(pair|nested|single|deep|mixed|timed|sets|person|pairs|numbers)$/;
const exactArray = /"(bool|bytea|char|name|int2|int4|oid|text|varchar|uuid|date|inet|cidr|macaddr8?)"\[\]$/;
