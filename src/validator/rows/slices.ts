import { identifier } from '../../postgres/identifiers.ts';
import type { Side } from '../../postgres/types.ts';

/**
 * A part of a table. `range`: the same keys on both sides, so that its verdict stands alone. `blocks`: heap pages, which
 * hold other rows on each side; only the sum over the whole table compares.
 */
export type Slice =
  | { readonly by: 'all' }
  | { readonly by: 'range'; readonly column: string; readonly from: bigint | undefined; readonly to: bigint | undefined }
  | { readonly by: 'blocks'; readonly source: Blocks; readonly destination: Blocks };
interface Blocks {
  readonly from: number;
  /** Exclusive; undefined: to the end, also of pages that are added meanwhile. */
  readonly to: number | undefined;
}

/** The slice as a WHERE clause, `$1`… and their values. */
export function condition(slice: Slice, side: Side): { readonly sql: string; readonly values: readonly string[] } {
  switch (slice.by) {
    case 'all':
      return { sql: 'true', values: [] };
    case 'range': {
      const values: string[] = [];
      const bound = (value: bigint, operator: string) => {
        values.push(String(value));
        return `t.${identifier(slice.column)} ${operator} $${values.length}::bigint`;
      };
      const parts = [
        ...(slice.from === undefined ? [] : [bound(slice.from, '>=')]),
        ...(slice.to === undefined ? [] : [bound(slice.to, '<')]),
      ];
      return { sql: parts.join(' and ') || 'true', values };
    }
    case 'blocks': {
      const { from, to } = slice[side];
      const low = `t.ctid >= '(${from},0)'::tid`;
      return { sql: to === undefined ? low : `${low} and t.ctid < '(${to},0)'::tid`, values: [] };
    }
  }
}

/**
 * Cuts a key space into `pieces` of about equal rows. `points` are ascending keys with the same number of rows between
 * neighbours (smallest, the statistics' histogram, largest). The first and the last slice are open, so that keys beyond
 * the source's are seen.
 */
export function rangeSlices(column: string, points: readonly bigint[], pieces: number): Slice[] {
  const last = points.length - 1;
  const cuts: bigint[] = [];
  for (let piece = 1; piece < pieces && last > 0; piece++) {
    const place = (piece * last) / pieces;
    const index = Math.min(Math.floor(place), last - 1);
    const low = points[index] ?? 0n;
    const high = points[index + 1] ?? low;
    const cut = low + ((high - low) * BigInt(Math.round((place - index) * 1_000_000))) / 1_000_000n;
    const before = cuts.at(-1) ?? points[0];
    if (before !== undefined && cut > before) cuts.push(cut);
  }
  return [...cuts, undefined].map((to, i) => ({ by: 'range', column, from: i === 0 ? undefined : cuts[i - 1], to }));
}

/** Cuts both sides' pages into the same number of slices. */
export function blockSlices(blocks: { readonly source: number; readonly destination: number }, pieces: number): Slice[] {
  const cut = (side: Side, i: number) => Math.floor((blocks[side] * i) / pieces);
  const part = (side: Side, i: number): Blocks => ({ from: cut(side, i), to: i + 1 === pieces ? undefined : cut(side, i + 1) });
  return Array.from({ length: pieces }, (_, i) => ({ by: 'blocks', source: part('source', i), destination: part('destination', i) }));
}
