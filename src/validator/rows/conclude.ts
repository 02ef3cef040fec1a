import type { Pair } from '../pairs.ts';
import type { CompareRequest, Differing, TableVerdict } from '../types.ts';
import { passBarrier } from './barrier.ts';
import { described } from './describe.ts';
import { drill } from './drill.ts';
import type { HashForm } from './form.ts';
import { type Candidate, type Counts, counted } from './pairing.ts';
import { patiently } from './patience.ts';
import { atRest, settle } from './settle.ts';
import type { Slice } from './slices.ts';
import { equal, limitFor, type Sums } from './sums.ts';
import type { Table } from './tables.ts';

const describedAtOnce = 200;
/** Keys that differ and that are held at once; each part of a moving table waits for barriers of its own. */
const settledAtOnce = 20_000;

/** A table of which every slice has been read. */
export interface Read {
  readonly table: Table;
  readonly slices: readonly Slice[];
  readonly sums: Sums;
  readonly differing: readonly { readonly slice: Slice; readonly sums: Sums }[];
}

/** The verdict of a table; what differs is drilled down to its rows, part by part. */
export async function concluded(request: CompareRequest, database: string, pair: Pair, read: Read, form: HashForm): Promise<TableVerdict> {
  const { table, sums } = read;
  const verdict = { database, table: table.shown, sourceRows: sums.source.rows, destinationRows: sums.destination.rows };
  // Heap pages compare only as a whole.
  const inPages = read.slices.some((slice) => slice.by === 'blocks');
  const differing = equal(sums) && read.differing.length === 0 ? [] : inPages ? [{ slice: { by: 'all' } as const, sums }] : read.differing;
  if (differing.length === 0) return { ...verdict, equal: true, missing: 0, extra: 0, changed: 0, unsettled: 0, rows: [] };
  await limitFor([pair.source, pair.destination], table.bytes * 3);
  let counts: Counts = { missing: 0, extra: 0, changed: 0 };
  let unsettled = 0;
  const rows: Differing[] = [];
  const most = request.rowsPerTable ?? 20;
  const judge = async (found: readonly Candidate[]) => {
    const settled = request.live
      ? await settle(pair, table, found, form, () => passBarrier(request, pair), request.flow?.from)
      : atRest(found);
    unsettled += settled.unsettled;
    counts = summed(counts, counted(settled.real, table.key.length === 0));
    const wanted = request.found ? settled.real : settled.real.slice(0, most - rows.length);
    for (let i = 0; i < wanted.length; i += describedAtOnce)
      for (const row of await patiently(() => described(pair, table, wanted.slice(i, i + describedAtOnce), form))) {
        request.found?.(table.shown, row);
        if (rows.length < most) rows.push(row);
      }
  };
  let open: Candidate[] = [];
  for (const { slice, sums: part } of differing)
    for await (const found of drill(pair, table, slice, part, form)) {
      open = open.concat(found);
      if (open.length < settledAtOnce) continue;
      await judge(open);
      open = [];
    }
  await judge(open);
  // At rest, sums that differ without a row that differs mean that somebody wrote meanwhile: not equal.
  const same = request.live && counts.missing + counts.extra + counts.changed === 0;
  return { ...verdict, equal: same, ...counts, unsettled, rows };
}

function summed(a: Counts, b: Counts): Counts {
  return { missing: a.missing + b.missing, extra: a.extra + b.extra, changed: a.changed + b.changed };
}
