import type { Clients } from './clients.ts';
import type { LookComparison } from './engine/ports.ts';
import { NeedsHuman } from './errors.ts';
import { exhibitsOf } from './validator/exhibits.ts';
import { csvOf } from './validator/masked-csv.ts';
import { progressLine } from './validator/progress.ts';
import { refuseObstacles, requestFor } from './validator/run-comparison.ts';
import { recordOf, verdictText } from './validator/verdict-report.ts';

interface CompareNow {
  /** Without a schema: of that name in every schema that the service file names. Absent: everything. */
  readonly tables: readonly string[] | undefined;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}
const rowsShownOfOneTable = 20;

/**
 * Compares the two instances of a run as `validate-live` does, with the rights that the run's user has by now. Changes
 * nothing. Errors: those of `Validator.compare`; NeedsHuman `validator.nothing-to-compare` for a table that is not on both sides, and
 * `validator.unreadable` where nothing differs and yet something could not be read.
 */
export async function compareNow(
  { target, validator }: Pick<Clients, 'target' | 'validator'>,
  request: CompareNow,
): Promise<LookComparison> {
  const { progress, signal } = request;
  const schemas = Object.values(target.databases).flatMap((database) => database.schemas);
  const tables = request.tables?.flatMap((name) => (name.includes('.') ? [name] : schemas.map((schema) => `${schema}.${name}`)));
  const began = Date.now();
  const base = requestFor(target, true);
  const verdict = await validator.compare({
    ...base,
    signal,
    ...(tables ? { tables, parts: 'rows' } : {}),
    progress: (done) => progress(progressLine(done, Date.now() - began)),
  });
  if (tables && verdict.tables.length === 0)
    throw new NeedsHuman('validator.nothing-to-compare', `No table ${request.tables?.join(', ')} is on both sides.`, {
      remedy: 'Write it as schema.table; a partitioned table is compared by the names of its partitions.',
    });
  refuseObstacles(verdict);
  const show = target.validation.showValues;
  return {
    equal: verdict.equal,
    text: verdictText(recordOf(verdict, base.connections), tables ? 'rows' : 'everything'),
    exhibits: exhibitsOf(verdict, show, tables ? rowsShownOfOneTable : undefined),
    ...(verdict.equal ? {} : { file: { name: 'differences.csv', content: csvOf(verdict, show) } }),
  };
}
