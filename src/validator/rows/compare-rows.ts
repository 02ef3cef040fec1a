import { setTimeout as pause } from 'node:timers/promises';
import { both, type Pair } from '../pairs.ts';
import type { CompareRequest, NotCompared, TableVerdict } from '../types.ts';
import { passBarrier } from './barrier.ts';
import { concluded } from './conclude.ts';
import { obstacle, obstacles, reasonOf } from './obstacles.ts';
import { patiently } from './patience.ts';
import { commonForm } from './self-test.ts';
import type { Slice } from './slices.ts';
import { slicesOf } from './slicing.ts';
import { added, equal, limitFor, nothing, type Sums, sumsOf } from './sums.ts';
import { commonTables, type Table, tablesOf, withoutRows } from './tables.ts';

interface Work {
  readonly table: Table;
  readonly slices: readonly Slice[];
  sums: Sums;
  left: number;
  readonly differing: { readonly slice: Slice; readonly sums: Sums }[];
  /** Why the table could not be compared. */
  failure: string | undefined;
}

export interface RowsDone {
  readonly bytes: number;
  readonly ofBytes: number;
  readonly rows: number;
  readonly table: string;
}

export interface RowsCompared {
  readonly tables: readonly TableVerdict[];
  readonly notCompared: readonly NotCompared[];
}

/**
 * Every row of every table that both sides have. Tables are cut into slices, the largest table first, and each pair of
 * sessions takes the next slice; who ends a table's last slice drills down into what differs. A table that cannot be read
 * is named and does not hold up the others.
 */
export async function compareRows(
  request: CompareRequest,
  database: string,
  pairs: readonly Pair[],
  advance: (done: RowsDone) => void,
): Promise<RowsCompared> {
  const [first] = pairs;
  if (!first || request.tables?.length === 0) return { tables: [], notCompared: [] };
  const form = await commonForm(first);
  const found = await patiently(() => both(first, (session) => tablesOf(session, request)));
  const notCompared = [...obstacles(database, found), ...(await withoutRows(first.source, request))];
  const tables = commonTables(found.source, found.destination).sort((a, b) => b.bytes - a.bytes);
  const works: Work[] = [];
  for (const table of tables)
    try {
      const slices = await patiently(() => slicesOf(table, first.source, first.destination, request));
      works.push({ table, slices, sums: nothing, left: slices.length, differing: [], failure: undefined });
    } catch (error) {
      notCompared.push(obstacle(database, table.shown, reasonOf(error)));
    }
  const ofBytes = tables.reduce((sum, table) => sum + table.bytes, 0);
  const done = { bytes: 0, rows: 0 };
  const queue = works.flatMap((work) => work.slices.map((slice) => ({ work, slice })));
  const verdicts: TableVerdict[] = [];
  if (request.live && tables.length > 0) await passBarrier(request, first);
  const conclude = async (pair: Pair, work: Work) => {
    try {
      if (work.failure === undefined) verdicts.push(await concluded(request, database, pair, work, form));
    } catch (error) {
      work.failure = reasonOf(error);
    }
    if (work.failure !== undefined) notCompared.push(obstacle(database, work.table.shown, work.failure));
  };
  const worker = async (pair: Pair) => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { work, slice } = next;
      const began = Date.now();
      const bytes = work.table.bytes / work.slices.length;
      try {
        if (work.failure === undefined) {
          await limitFor([pair.source, pair.destination], bytes);
          const sums = await patiently(() => sumsOf(pair, work.table, slice, form));
          work.sums = added(work.sums, sums);
          if (slice.by !== 'blocks' && !equal(sums)) work.differing.push({ slice, sums });
          done.rows += sums.source.rows;
        }
      } catch (error) {
        work.failure = reasonOf(error);
      }
      done.bytes += bytes;
      advance({ ...done, ofBytes, table: work.table.shown });
      if (--work.left === 0) await conclude(pair, work);
      await rest(request, Date.now() - began);
    }
  };
  await Promise.all(pairs.map(worker));
  return { tables: verdicts.sort((a, b) => (a.table < b.table ? -1 : 1)), notCompared };
}

/** After work of so long, what leaves the connection its share of the time. */
async function rest({ throttle = 100, signal }: CompareRequest, workedMs: number): Promise<void> {
  if (throttle < 100) await pause((workedMs * (100 - throttle)) / throttle, undefined, { signal });
}
