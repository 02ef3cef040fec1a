import { identifier } from '../../postgres/identifiers.ts';
import { both, type Pair } from '../pairs.ts';
import { type HashForm, rowHash } from './form.ts';
import { type Candidate, candidates, type Listed } from './pairing.ts';
import { patiently } from './patience.ts';
import { condition, type Slice } from './slices.ts';
import type { Sums } from './sums.ts';
import type { Table } from './tables.ts';

/** Rows of each side that are held at once. */
const listedAtOnce = 20_000;

/**
 * From a slice that differs to its rows that differ: directly where it is small, else by buckets of the key's hash. Given in
 * parts, so that a table of which everything differs needs no more memory than one of which little does.
 */
export async function* drill(pair: Pair, table: Table, slice: Slice, sums: Sums, form: HashForm): AsyncGenerator<Candidate[]> {
  const rows = Math.max(sums.source.rows, sums.destination.rows);
  if (rows <= listedAtOnce) {
    yield await patiently(() => listed(pair, table, slice, form, undefined));
    return;
  }
  const mask = rows < 2_000_000 ? 1_023 : rows < 50_000_000 ? 16_383 : 131_071;
  for (const group of batches(await patiently(() => badBuckets(pair, table, slice, form, mask))))
    yield await patiently(() => listed(pair, table, slice, form, { mask, buckets: group }));
}

interface Bucket {
  readonly bucket: string;
  readonly rows: number;
}

/** Buckets in groups that are listed at once. */
export function batches(buckets: readonly Bucket[], most = 2 * listedAtOnce): string[][] {
  const groups: string[][] = [];
  let rows = Number.POSITIVE_INFINITY;
  for (const bucket of buckets) {
    if (rows + bucket.rows > most) {
      groups.push([]);
      rows = 0;
    }
    groups.at(-1)?.push(bucket.bucket);
    rows += bucket.rows;
  }
  return groups;
}

/** A bucket never depends on collations, and so not on the version of glibc or ICU, which ranges over text do. */
function bucketOf(table: Table, form: HashForm): string {
  return table.key.length > 0 ? rowHash(table.key, form, 3) : rowHash(table.columns, form);
}

async function badBuckets(pair: Pair, table: Table, slice: Slice, form: HashForm, mask: number): Promise<Bucket[]> {
  const { source, destination } = await both(pair, async (session, side) => {
    const where = condition(slice, side);
    const rows = await session.texts(
      `select (b & ${mask})::text, count(*)::text, sum(h)::text
       from (select ${bucketOf(table, form)} as b, ${rowHash(table.columns, form)} as h from only ${table.sql} t where ${where.sql}) z group by b & ${mask}`,
      where.values,
    );
    return new Map(rows.map(([bucket, count, sum]) => [bucket ?? '', { count: Number(count), sum }]));
  });
  return [...new Set([...source.keys(), ...destination.keys()])].flatMap((bucket) => {
    const [a, b] = [source.get(bucket), destination.get(bucket)];
    return a?.count === b?.count && a?.sum === b?.sum ? [] : [{ bucket, rows: (a?.count ?? 0) + (b?.count ?? 0) }];
  });
}

async function listed(
  pair: Pair,
  table: Table,
  slice: Slice,
  form: HashForm,
  only: { readonly mask: number; readonly buckets: readonly string[] } | undefined,
): Promise<Candidate[]> {
  const hash = rowHash(table.columns, form);
  const key = `json_build_array(${table.key.map((column) => `t.${identifier(column.name)}::text`).join(', ')})::text`;
  const { source, destination } = await both(pair, async (session, side): Promise<Listed[]> => {
    const where = condition(slice, side);
    const bucket = only ? ` and ${bucketOf(table, form)} & ${only.mask} = any($${where.values.length + 1}::bigint[])` : '';
    const from = `from only ${table.sql} t where ${where.sql}${bucket}`;
    // A bag's rows may all be alike: the server counts them.
    const list =
      table.key.length > 0
        ? `select ${key}, ${hash}::text ${from}`
        : `select json_build_array(${hash}::text)::text, ${hash}::text, count(*)::text ${from} group by ${hash}`;
    return session.texts(list, only ? [...where.values, only.buckets] : where.values);
  });
  return candidates(source, destination);
}
