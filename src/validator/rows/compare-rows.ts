import { Transient } from '../../errors.ts';
import { both, type Pair } from '../pairs.ts';
import type { CompareRequest, Differing, TableVerdict } from '../types.ts';
import { barrier } from './barrier.ts';
import { described } from './describe.ts';
import { drill } from './drill.ts';
import type { HashForm } from './form.ts';
import { type Candidate, counted } from './pairing.ts';
import { commonForm } from './self-test.ts';
import { atRest, settle } from './settle.ts';
import type { Slice } from './slices.ts';
import { slicesOf } from './slicing.ts';
import { added, equal, limitFor, nothing, type Sums, sumsOf } from './sums.ts';
import { commonTables, type Table, tablesOf } from './tables.ts';

const describedAtOnce = 500;
const lockAttempts = 5;

interface Work {
  readonly table: Table;
  readonly slices: readonly Slice[];
  sums: Sums;
  left: number;
  readonly differing: { readonly slice: Slice; readonly sums: Sums }[];
}

export interface RowsDone {
  readonly bytes: number;
  readonly ofBytes: number;
  readonly rows: number;
  readonly table: string;
}

/**
 * Every row of every table that both sides have. Tables are cut into slices, the largest table first, and each pair of
 * sessions takes the next slice; who ends a table's last slice drills down into what differs.
 */
export async function compareRows(
  request: CompareRequest,
  database: string,
  pairs: readonly Pair[],
  advance: (done: RowsDone) => void,
): Promise<TableVerdict[]> {
  const [first] = pairs;
  if (!first) return [];
  const form = await commonForm(first);
  const found = await both(first, (session) => tablesOf(session, request));
  const tables = commonTables(found.source, found.destination).sort((a, b) => b.bytes - a.bytes);
  const works: Work[] = [];
  for (const table of tables) {
    const slices = await patiently(() => slicesOf(table, first.source, first.destination, request.live));
    works.push({ table, slices, sums: nothing, left: slices.length, differing: [] });
  }
  const ofBytes = tables.reduce((sum, table) => sum + table.bytes, 0);
  const done = { bytes: 0, rows: 0 };
  const queue = works.flatMap((work) => work.slices.map((slice) => ({ work, slice })));
  const verdicts: TableVerdict[] = [];
  if (request.live && tables.length > 0) await barrier(first.source, request.slots, request.signal);
  const worker = async (pair: Pair) => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const { work, slice } = next;
      const bytes = work.table.bytes / work.slices.length;
      await limitFor([pair.source, pair.destination], bytes);
      const sums = await patiently(() => sumsOf(pair, work.table, slice, form));
      work.sums = added(work.sums, sums);
      if (slice.by !== 'blocks' && !equal(sums)) work.differing.push({ slice, sums });
      done.bytes += bytes;
      done.rows += sums.source.rows;
      advance({ ...done, ofBytes, table: work.table.shown });
      if (--work.left === 0) verdicts.push(await concluded(request, database, pair, work, form));
    }
  };
  await Promise.all(pairs.map(worker));
  return verdicts.sort((a, b) => (a.table < b.table ? -1 : 1));
}

async function concluded(request: CompareRequest, database: string, pair: Pair, work: Work, form: HashForm): Promise<TableVerdict> {
  const { table, sums } = work;
  const verdict = { database, table: table.shown, sourceRows: sums.source.rows, destinationRows: sums.destination.rows };
  // Heap pages compare only as a whole.
  const differing =
    equal(sums) && work.differing.length === 0 ? [] : work.slices.some((slice) => slice.by === 'blocks') ? whole(sums) : work.differing;
  if (differing.length === 0) return { ...verdict, equal: true, missing: 0, extra: 0, changed: 0, unsettled: 0, rows: [] };
  await limitFor([pair.source, pair.destination], table.bytes * 3);
  const found: Candidate[] = [];
  for (const { slice, sums: part } of differing)
    for (const candidate of await patiently(() => drill(pair, table, slice, part, form))) found.push(candidate);
  const settled = request.live
    ? await settle(pair, table, found, form, () => barrier(pair.source, request.slots, request.signal))
    : atRest(found);
  const counts = counted(settled.real, table.key.length === 0);
  const rows = await rowsOf(request, pair, table, settled.real, form);
  // At rest, sums that differ without a row that differs mean that somebody wrote meanwhile: not equal.
  const same = request.live && settled.real.length === 0;
  return { ...verdict, equal: same, ...counts, unsettled: settled.unsettled, rows };
}

function whole(sums: Sums): Work['differing'] {
  return [{ slice: { by: 'all' }, sums }];
}

async function rowsOf(request: CompareRequest, pair: Pair, table: Table, real: readonly Candidate[], form: HashForm): Promise<Differing[]> {
  const most = request.rowsPerTable ?? 20;
  const wanted = request.found ? real : real.slice(0, most);
  const rows: Differing[] = [];
  for (let i = 0; i < wanted.length; i += describedAtOnce) {
    for (const row of await described(pair, table, wanted.slice(i, i + describedAtOnce), form)) {
      request.found?.(table.shown, row);
      if (rows.length < most) rows.push(row);
    }
  }
  return rows;
}

/** Again where somebody holds the table's lock for a moment (DDL, VACUUM FULL): the wait itself was lock_timeout. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === lockAttempts || !(error instanceof Transient) || error.code !== 'postgres.lock-timeout') throw error;
    }
  }
}
