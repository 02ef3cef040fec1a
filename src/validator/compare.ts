import { type ServerVersions, waveThrough } from './expected.ts';
import { sequenceValues } from './objects/sequence-values.ts';
import { type Factories, withPairs } from './pairs.ts';
import { readiedObjects } from './readied.ts';
import { compareRows } from './rows/compare-rows.ts';
import { refuseTwins } from './twins.ts';
import type { CompareRequest, NotCompared, ObjectDifference, TableVerdict, Validator, Verdict } from './types.ts';

/**
 * Compares two servers, database by database: all rows by hash, and everything but rows by canonical text. The sessions
 * are the validator's own: `connections` + 1 on each side, read-only, ended when it answers.
 * Errors: NeedsHuman `validator.*` and those of postgres/errors.ts; the signal's reason when it aborts.
 */
export function createValidator(factories: Factories): Validator {
  const objects = readiedObjects();
  return {
    compare: (request) => compare(factories, objects, request),
    async ready(request) {
      const { databases, connections, signal } = request;
      await Promise.all(
        databases.map((database) =>
          withPairs(factories, database, 1 + connections, signal, async (pairs) => {
            const [first] = pairs;
            if (first && request.parts !== 'rows')
              await objects.ready({ live: true, sequences: false, expected: [], ...request }, database, first);
            await Promise.all(pairs.flatMap(({ source, destination }) => [source.keep(), destination.keep()]));
          }),
        ),
      );
    },
  };
}

async function compare(factories: Factories, readied: ReturnType<typeof readiedObjects>, request: CompareRequest): Promise<Verdict> {
  const began = Date.now();
  const tables: TableVerdict[] = [];
  const differences: ObjectDifference[] = [];
  const notCompared: NotCompared[] = [];
  const versions = { source: 0, destination: 0 };
  const done = { bytes: 0, ofBytes: 0, rows: 0 };
  for (const database of request.databases) {
    const before = { ...done };
    const [objects, compared] = await together(
      request,
      (own) =>
        withPairs(factories, database, 1, own.signal, async ([pair]) => {
          if (!pair) return { differences: [], notCompared: [] };
          Object.assign(versions, { source: pair.source.version, destination: pair.destination.version });
          await refuseTwins(pair, database);
          const found = await readied.compare(own, database, pair);
          if (!own.sequences || own.parts === 'rows') return { differences: found, notCompared: [] };
          const states = await sequenceValues(own, database, pair);
          return { differences: [...found, ...states.differences], notCompared: states.notCompared };
        }),
      async (own) => {
        const rowsOf = await rowsRequest(own, database);
        if (rowsOf.parts === 'objects' || rowsOf.tables?.length === 0) return { tables: [], notCompared: [] };
        return withPairs(factories, database, Math.max(1, own.connections), own.signal, (pairs) =>
          compareRows(rowsOf, database, pairs, (now) => {
            Object.assign(done, { bytes: before.bytes + now.bytes, ofBytes: before.ofBytes + now.ofBytes, rows: before.rows + now.rows });
            own.progress?.({ ...done, table: now.table });
          }),
        );
      },
    );
    for (const each of objects.differences) differences.push(each);
    for (const each of compared.tables) tables.push(each);
    for (const each of [...objects.notCompared, ...compared.notCompared]) notCompared.push(each);
  }
  return concluded(tables, differences, notCompared, request, { versions, bytes: done.bytes, durationMs: Date.now() - began });
}

/** Both at once; the first failure ends the other one, too. */
async function together<A, B>(
  request: CompareRequest,
  one: (own: CompareRequest) => Promise<A>,
  other: (own: CompareRequest) => Promise<B>,
): Promise<[A, B]> {
  const failing = new AbortController();
  const own = { ...request, signal: AbortSignal.any([request.signal, failing.signal]) };
  const work = <T>(part: (own: CompareRequest) => Promise<T>) =>
    part(own).catch((error: unknown) => {
      failing.abort(error);
      throw error;
    });
  const [first, second] = await Promise.allSettled([work(one), work(other)]);
  request.signal.throwIfAborted();
  failing.signal.throwIfAborted();
  if (first.status === 'rejected') throw first.reason;
  if (second.status === 'rejected') throw second.reason;
  return [first.value, second.value];
}

/** What is awaited may take its time, and the work may be over before. */
async function rowsRequest(request: CompareRequest, database: string): Promise<CompareRequest> {
  const { signal } = request;
  const ended = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const rowsOf = await Promise.race([request.rowsOf, ended]);
  signal.throwIfAborted();
  return rowsOf ? { ...request, tables: rowsOf[database] ?? [] } : request;
}

/** Rows of a table may be expected to differ, too (kind `rows`). */
function concluded(
  tables: readonly TableVerdict[],
  differences: readonly ObjectDifference[],
  notCompared: readonly NotCompared[],
  request: Pick<CompareRequest, 'expected'>,
  figures: { readonly versions: ServerVersions; readonly bytes: number; readonly durationMs: number },
): Verdict {
  const rowDifferences = tables
    .filter((table) => !table.equal)
    .map((table) => ({
      database: table.database,
      kind: 'rows',
      object: table.table,
      source: `${table.sourceRows} rows`,
      destination: `${table.destinationRows} rows: ${table.missing} missing, ${table.extra} extra, ${table.changed} changed`,
    }));
  const rows = waveThrough(rowDifferences, request.expected, figures.versions);
  const { objects, expected } = waveThrough(differences, request.expected, figures.versions);
  return {
    equal: objects.length === 0 && rows.objects.length === 0 && !notCompared.some(({ obstacle }) => obstacle),
    tables,
    objects,
    expected: [...expected, ...rows.expected],
    notCompared,
    rows: tables.reduce((sum, table) => sum + table.sourceRows, 0),
    bytes: Math.round(figures.bytes),
    durationMs: figures.durationMs,
  };
}
