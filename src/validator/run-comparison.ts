import { NeedsHuman } from '../errors.ts';
import type { Membership } from '../postgres/membership.ts';
import { asMemberOfOwners } from '../postgres/read-rights.ts';
import type { Postgres } from '../postgres/types.ts';
import { withTimeLimit } from '../time-limit.ts';
import { exhibitsOf } from './exhibits.ts';
import { judge } from './judged.ts';
import { csvOf } from './masked-csv.ts';
import type { ShownColumns } from './masking.ts';
import { progressLine } from './progress.ts';
import { proofOf } from './run-proof.ts';
import type { CompareRequest, Expectation, Validator, Verdict } from './types.ts';
import { many } from './units.ts';
import { recordOf } from './verdict-report.ts';

/** What of the service file the comparison of a run goes by. */
export interface Compared {
  readonly databases: Readonly<Record<string, unknown>>;
  readonly validation: { readonly showValues: ShownColumns; readonly connections: number };
}
/** What the comparison needs of its run. */
interface Ledger {
  readonly signal: AbortSignal;
  record(key: string, value: unknown): Promise<void>;
  recall<T>(key: string): T | undefined;
  progress(progress: { readonly text: string; readonly fraction?: number }): void;
}

/** The writes are on meanwhile; where the deadline runs already, that much of what is left of it. */
const readyWithin = { mostMs: 30_000, ofDeadline: 0.1 };
/** Rows of each differing table that the file in the thread lists. */
const rowsInFile = 500;

/** Until the hand-over everything on the destination belongs to another role than on the source, and so do its rights. */
const intended: readonly Expectation[] = [
  { kind: 'owner', reason: 'Until the ownership is handed over everything on the destination belongs to cloudsqlexternalsync.' },
  { kind: 'grant', reason: 'Database Migration Service carries no grants; grant-destination-roles gives and verifies its own.' },
  { kind: 'default-privilege', reason: 'Default privileges hang on the owner, and the owner changes with the hand-over.' },
  {
    kind: 'publication',
    reason: 'Database Migration Service copies no publications: whoever reads one makes it anew on the new instance.',
  },
];

/** What a comparison of the two instances of a run asks for; `live`: changes still flow, and sequences come later. */
export function requestFor(target: Compared, live: boolean) {
  return {
    databases: Object.keys(target.databases),
    live,
    sequences: !live,
    expected: intended,
    ignoredGrantees: ['migration', 'wayback'],
    connections: target.validation.connections,
    rowsPerTable: rowsInFile,
  } satisfies Partial<CompareRequest>;
}

/**
 * Compares source and destination as a member of every owner, and puts the figures into the ledger under `verdict`,
 * `more` over them; `other` asks for something else than usual. A verdict with differences is what the step's next look finds (`takeJudged`).
 */
export async function compareForRun(
  { target, postgres, validator }: { readonly target: Compared; readonly postgres: Postgres; readonly validator: Validator },
  run: Ledger,
  live: boolean,
  more: () => Promise<object> = async () => ({}),
  other: Partial<CompareRequest> = {},
): Promise<void> {
  const request = { ...requestFor(target, live), ...other };
  const began = Date.now();
  if (live) run.progress({ text: 'Waiting until everything that was committed has arrived on the other side' });
  const verdict = await asMemberOfOwners(
    postgres,
    request.databases,
    run.recall<readonly Membership[]>('memberships') ?? [],
    (all) => run.record('memberships', all),
    () =>
      validator.compare({
        ...request,
        signal: run.signal,
        progress: (done) =>
          run.progress({
            text: progressLine(done, Date.now() - began),
            ...(done.ofBytes > 0 ? { fraction: Math.min(1, done.bytes / done.ofBytes) } : {}),
          }),
      }),
  );
  refuseObstacles(verdict);
  const record = { ...recordOf(verdict, request.connections), ...(await more()) };
  await run.record('verdict', record);
  const show = target.validation.showValues;
  if (!record.equal) judge(run.signal, { record, exhibits: exhibitsOf(verdict, show), csv: csvOf(verdict, show) });
}

/** Readies what the comparison in the write stop uses, as far as it can; where the rows are kept proved that is the schema's alone (`parts`: what is compared in it). */
export async function readyComparison(
  { target, validator }: { readonly target: Compared; readonly validator: Validator },
  run: Pick<Ledger, 'signal' | 'recall'> & { readonly leg: string; readonly deadlineAt: number | undefined },
  parts: 'everything' | 'rows' = 'everything',
): Promise<void> {
  const left = run.deadlineAt === undefined ? Number.POSITIVE_INFINITY : run.deadlineAt - Date.now();
  const withinMs = Math.max(0, Math.min(readyWithin.mostMs, left * readyWithin.ofDeadline));
  await validator.ready({
    ...requestFor(target, false),
    parts,
    connections: 'none' in proofOf(run) ? target.validation.connections : 0,
    signal: withTimeLimit(Math.round(withinMs), run.signal),
  });
}

/** Without a difference, what is in the way is what a person can remove. Errors: NeedsHuman `validator.unreadable`. */
export function refuseObstacles(verdict: Verdict): void {
  const [first, ...more] = verdict.notCompared.filter(({ obstacle }) => obstacle);
  if (!first || verdict.objects.length > 0 || verdict.tables.some((table) => !table.equal)) return;
  throw new NeedsHuman(
    'validator.unreadable',
    `${many(more.length + 1, 'object')} could not be compared: ${first.object} (database ${first.database}): ${first.reason}${
      more.length > 0
        ? ` Also ${more
            .slice(0, 5)
            .map(({ object }) => object)
            .join(', ')}${more.length > 5 ? ', …' : ''}.`
        : ''
    }`,
    { remedy: 'Remove what is in the way (a missing SELECT, row security, a lock), then retry.' },
  );
}
