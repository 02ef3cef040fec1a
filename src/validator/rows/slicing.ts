import { identifier } from '../../postgres/identifiers.ts';
import type { Session } from '../session.ts';
import type { CompareRequest } from '../types.ts';
import { blockSlices, rangeSlices, type Slice } from './slices.ts';
import type { Table } from './tables.ts';

/** From 5,000 rows up a slice costs no more than a scan of the whole (measured); 50,000 give progress and a short drill-down. */
const rowsPerSlice = 50_000;
const mostSlices = 4_000;
const blocksPerSlice = 8_192;
/** 4 GB: some 20 s. */
const blocksAtOnce = 524_288;

/**
 * How a table is cut. While rows change, by ranges of the key where its order is the heap's order: elsewhere (uuid, text) an index
 * range costs 2.5 to 5.5 times a scan (measured). While nothing is written by heap pages (TID range scan, 14+), which cost less than
 * ranges; a row that moved to another page between two of them would be counted twice or never. What one connection reads alone is
 * scanned as a whole: only that scan takes a ring of few pages, which leaves the server's cache as it is and costs least.
 */
export async function slicesOf(
  table: Table,
  source: Session,
  destination: Session,
  { live, connections }: Pick<CompareRequest, 'live' | 'connections'>,
): Promise<Slice[]> {
  if (!live && Math.min(source.version, destination.version) >= 14) {
    const blocks = Math.max(table.blocks.source, table.blocks.destination);
    const whole = blocks <= (connections === 1 ? blocksAtOnce : 2 * blocksPerSlice);
    return whole ? [{ by: 'all' }] : blockSlices(table.blocks, Math.min(mostSlices, Math.ceil(blocks / blocksPerSlice)));
  }
  const [key, more] = table.key;
  if (key && !more && ['smallint', 'integer', 'bigint'].includes(key.type) && table.rows > 2 * rowsPerSlice) {
    const points = await pointsOf(table, key.name, source);
    const elsewhere = await correlation(table, key.name, destination);
    if (points && (elsewhere === undefined || elsewhere > 0.9))
      return rangeSlices(key.name, points, Math.min(mostSlices, Math.ceil(table.rows / rowsPerSlice)));
  }
  return [{ by: 'all' }];
}

async function correlation(table: Table, column: string, session: Session): Promise<number | undefined> {
  const rows = await session.texts(
    `select correlation::text from pg_stats where schemaname = $1 and tablename = $2 and attname = $3 and not inherited`,
    [table.schema, table.name, column],
  );
  const text = rows[0]?.[0];
  return text === undefined || text === null ? undefined : Math.abs(Number(text));
}

/** Smallest key, histogram, largest key; undefined where the table is not known to lie in the key's order. */
async function pointsOf(table: Table, column: string, source: Session): Promise<bigint[] | undefined> {
  const ordered = await correlation(table, column, source);
  if (ordered === undefined || ordered <= 0.9) return undefined;
  const [ends] = await source.texts(
    `select min(t.${identifier(column)})::text, max(t.${identifier(column)})::text from only ${table.sql} t`,
  );
  const [low, high] = ends ?? [];
  if (!low || !high) return undefined;
  const histogram = await source.texts(
    `select unnest(histogram_bounds::text::bigint[])::text from pg_stats where schemaname = $1 and tablename = $2 and attname = $3 and not inherited`,
    [table.schema, table.name, column],
  );
  const inside = histogram.flatMap(([text]) => (text ? [BigInt(text)] : [])).filter((point) => point > BigInt(low) && point < BigInt(high));
  return [BigInt(low), ...inside, BigInt(high)];
}
