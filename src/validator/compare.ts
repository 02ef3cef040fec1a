import { type ServerVersions, waveThrough } from './expected.ts';
import { compareObjects } from './objects/compare-objects.ts';
import { type Factories, withPairs } from './pairs.ts';
import { compareRows } from './rows/compare-rows.ts';
import { applicationName } from './session.ts';
import { refuseTwins } from './twins.ts';
import type { CompareRequest, NotCompared, ObjectDifference, TableVerdict, Validator, Verdict } from './types.ts';

/**
 * Compares two servers, database by database: all rows by hash, and everything but rows by canonical text. The sessions
 * are the validator's own: `connections` + 1 on each side, read-only, ended when it answers.
 * Errors: NeedsHuman `validator.*` and those of postgres/errors.ts; the signal's reason when it aborts.
 */
export function createValidator(factories: Factories): Validator {
  return {
    compare: (request) => compare(factories, request),
    async warm({ databases, connections }) {
      await Promise.all(
        databases.flatMap((database) =>
          [factories.source, factories.destination].map((factory) => factory.warm?.(database, applicationName, connections + 1)),
        ),
      );
    },
  };
}

async function compare(factories: Factories, request: CompareRequest): Promise<Verdict> {
  const began = Date.now();
  const tables: TableVerdict[] = [];
  const differences: ObjectDifference[] = [];
  const notCompared: NotCompared[] = [];
  const versions = { source: 0, destination: 0 };
  const done = { bytes: 0, ofBytes: 0, rows: 0 };
  for (const database of request.databases) {
    const before = { ...done };
    const rows = request.parts !== 'objects';
    await withPairs(factories, database, 1 + (rows ? Math.max(1, request.connections) : 0), request.signal, async (pairs) => {
      const [first, ...others] = pairs;
      if (!first) return;
      Object.assign(versions, { source: first.source.version, destination: first.destination.version });
      await refuseTwins(first, database);
      // The first failure ends the work: withPairs cancels what the other sessions still do.
      const [objects, compared] = await Promise.all([
        compareObjects(request, database, first),
        rowsRequest(request, database).then((rowsOf) =>
          compareRows(rowsOf, database, others, (now) => {
            Object.assign(done, { bytes: before.bytes + now.bytes, ofBytes: before.ofBytes + now.ofBytes, rows: before.rows + now.rows });
            request.progress?.({ ...done, table: now.table });
          }),
        ),
      ]);
      for (const each of objects.differences) differences.push(each);
      for (const each of compared.tables) tables.push(each);
      for (const each of [...objects.notCompared, ...compared.notCompared]) notCompared.push(each);
    });
  }
  return concluded(tables, differences, notCompared, request, { versions, bytes: done.bytes, durationMs: Date.now() - began });
}

async function rowsRequest(request: CompareRequest, database: string): Promise<CompareRequest> {
  const rowsOf = await request.rowsOf;
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
