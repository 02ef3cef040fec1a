import type { Pair } from '../pairs.ts';
import { both } from '../pairs.ts';
import type { Session } from '../session.ts';
import { type HashForm, rowHash } from './form.ts';
import { condition, type Slice } from './slices.ts';
import type { Table } from './tables.ts';

/** What a set of rows comes to: how many, and the sum of their hashes. A sum, unlike an xor, sees rows that occur twice. */
interface Sum {
  readonly rows: number;
  readonly hash: bigint;
}
export interface Sums {
  readonly source: Sum;
  readonly destination: Sum;
}

export const nothing: Sums = { source: { rows: 0, hash: 0n }, destination: { rows: 0, hash: 0n } };

export function added(a: Sums, b: Sums): Sums {
  const add = (x: Sum, y: Sum): Sum => ({ rows: x.rows + y.rows, hash: x.hash + y.hash });
  return { source: add(a.source, b.source), destination: add(a.destination, b.destination) };
}

export function equal(sums: Sums): boolean {
  return sums.source.rows === sums.destination.rows && sums.source.hash === sums.destination.hash;
}

/** Reads one slice on both sides at once. */
export async function sumsOf(pair: Pair, table: Table, slice: Slice, form: HashForm): Promise<Sums> {
  return both(pair, async (session, side): Promise<Sum> => {
    const where = condition(slice, side);
    const [row] = await session.texts(
      `select count(*)::text, coalesce(sum(${rowHash(table.columns, form)}), 0)::text from only ${table.sql} t where ${where.sql}`,
      where.values,
    );
    return { rows: Number(row?.[0]), hash: BigInt(row?.[1] ?? 0) };
  });
}

/** A minute, and a second for each MB: a slice that takes longer hangs. */
export async function limitFor(sessions: readonly Session[], bytes: number): Promise<void> {
  const milliseconds = 60_000 + Math.ceil(bytes / 1_000_000) * 1_000;
  await Promise.all(sessions.map((session) => session.limit(milliseconds)));
}
