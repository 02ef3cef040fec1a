import { identifier } from '../../postgres/identifiers.ts';
import { both, type Pair } from '../pairs.ts';
import { type HashForm, rowHash } from './form.ts';
import { type Candidate, candidates, type Listed } from './pairing.ts';
import { condition, type Slice } from './slices.ts';
import type { Sums } from './sums.ts';
import type { Table } from './tables.ts';

/** Rows that are listed at once, of both sides together. */
const listedAtOnce = 500_000;
const listedWithoutBuckets = 150_000;

/** From a slice that differs to its rows that differ: directly where it is small, else by buckets of the key's hash. */
export async function drill(pair: Pair, table: Table, slice: Slice, sums: Sums, form: HashForm): Promise<Candidate[]> {
  const rows = Math.max(sums.source.rows, sums.destination.rows);
  if (rows <= listedWithoutBuckets) return listed(pair, table, slice, form, undefined);
  const mask = rows < 2_000_000 ? 1_023 : rows < 50_000_000 ? 16_383 : 131_071;
  const found: Candidate[] = [];
  for (const group of batches(await badBuckets(pair, table, slice, form, mask)))
    for (const candidate of await listed(pair, table, slice, form, { mask, buckets: group })) found.push(candidate);
  return found;
}

interface Bucket {
  readonly bucket: string;
  readonly rows: number;
}

/** Buckets in groups that are listed at once. */
export function batches(buckets: readonly Bucket[], most = listedAtOnce): string[][] {
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
  const key = table.key.map((column) => `t.${identifier(column.name)}::text, `).join('');
  const { source, destination } = await both(pair, async (session, side): Promise<Listed[]> => {
    const where = condition(slice, side);
    const bucket = only ? ` and ${bucketOf(table, form)} & ${only.mask} = any($${where.values.length + 1}::bigint[])` : '';
    const rows = await session.texts(
      `select ${key}${rowHash(table.columns, form)}::text from only ${table.sql} t where ${where.sql}${bucket}`,
      only ? [...where.values, only.buckets] : where.values,
    );
    return rows.map((row) => listedRow(table, row));
  });
  return candidates(source, destination);
}

/** A row of texts: the key's columns and the hash. In a bag the hash is the key. */
export function listedRow(table: Table, row: readonly (string | null)[]): Listed {
  const hash = row[table.key.length] ?? '';
  return { key: table.key.length > 0 ? row.slice(0, table.key.length) : [hash], hash };
}
