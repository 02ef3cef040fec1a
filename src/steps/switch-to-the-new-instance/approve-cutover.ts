import type { Clients } from '../../clients.ts';
import { blocked, lasts, type Observation, type RunView, type Step, todo, waiting } from '../../engine/step.ts';
import { carryForwardSql } from '../../postgres/carry-forward.ts';
import { connectedNow, disconnect, hindrances } from '../../postgres/connected.ts';
import { estimate } from '../../postgres/cutover-estimate.ts';
import { fingerprint } from '../../postgres/fingerprint.ts';
import { bytesText, type Lag, lagOf } from '../../postgres/lag.ts';
import type { Sql } from '../../postgres/types.ts';
import { proofOf, readAgainWithinMs } from '../../validator/run-proof.ts';
import { type Tripped, tripwire } from '../../validator/tripwire.ts';
import type { VerdictRecord } from '../../validator/verdict-report.ts';
import { stopped } from '../../workloads/order.ts';
import { undoneBy } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'workloads' | 'validator'>;
/** `keep`: users whose sessions are part of the migration. */
const rules = { keep: ['migration', 'wayback'], readers: [] };
const lagPatienceMs = 2 * 60_000;
const mostLines = 12;
/** Of a validation whose rows are proved: the schema, the sequences and what changed last; on the careful side. */
const provedMs = 2_000;
type Rehearsed = { readonly problems: readonly string[] };

/** The go/no-go card. Thresholds are approved; what moves by itself is shown, and looked at again when the write stop begins. */
export const approveCutover: Step<Needs> = {
  id: 'approve-cutover',
  title: 'Go or no-go: stop the writes and switch',
  impact: 'writes-stop',
  gate: { question: 'Stop the writes now and switch to the new instance?' },
  writeStop: 'gate',

  async check(clients, run) {
    const { target, postgres } = clients;
    const verdict = run.recall<VerdictRecord>('verdict', 'validate-live');
    if (!verdict?.equal)
      return blocked(
        'cutover.not-validated',
        'There is no clean comparison of source and destination.',
        'Run the live validation until it is clean, then press Retry.',
      );
    const tripped = await tripwire(clients, run);
    if (tripped) return await changedSince(clients, tripped);
    const proof = proofOf(run);
    const differing = 'none' in proof ? [] : (proof.kept?.differing ?? []);
    const tables = differing.join(', ');
    if (await lasts(run, 'differs since', differing.length > 0, readAgainWithinMs))
      return blocked(
        'validation.differs',
        `Rows of ${tables} differ since they were compared, and replication does not mend them.`,
        `Look at \`/pgupgrade diff ${differing[0]}\`, put the rows right, then press Retry.`,
      );
    if (differing.length > 0) return waiting(`rows of ${tables} differ, and are read again`, 500);
    const hindrance = await undoneBy(clients.workloads, [...stopped(clients.target, 'first'), ...stopped(clients.target, 'rest')]);
    if (hindrance.length > 0)
      return blocked(
        'workloads.undone',
        `Stopping the services would be undone: ${hindrance.join('; ')}.`,
        'Suspend what is named, then press Retry.',
      );
    const source = await postgres.database('source', 'postgres');
    const open = await hindrances(source, rules);
    if (open.words.length > 0)
      return blocked(
        'cutover.open-transactions',
        `The write stop would break off or wait for what is open on ${target.source}: ${open.words.join('; ')}.`,
        open.remedy,
        { sessions: open.sessions },
      );
    const lag = await lagOf(postgres);
    if (lag.slots === 0)
      return blocked(
        'cutover.no-slots',
        'The source has no replication slot of the migration job.',
        'Look at the migration job in Database Migration Service.',
      );
    const late = lateWords(target, lag);
    if (await lasts(run, 'behind since', late !== undefined, lagPatienceMs))
      return blocked(
        'cutover.lag',
        `${late}, and that has not changed for ${lagPatienceMs / 60_000} minutes: it would not be drained in time.`,
        'Look for load, locks or long transactions on both instances, and at the migration job, then press Retry.',
      );
    if (late !== undefined) return waiting(late, 1_000);
    const predicted = estimate({
      stops: stopped(target, 'first').length + (stopped(target, 'rest').length > 0 ? 1 : 0),
      databases: Object.keys(target.databases).length,
      lagBytes: lag.bytes,
      validationMs: 'none' in proof ? verdict.durationMs : Math.min(verdict.durationMs, provedMs),
    });
    const { deadline } = target.cutover;
    if (predicted.untilCallMs > deadline)
      return blocked(
        'cutover.too-long',
        `The promotion would be called after about ${seconds(predicted.untilCallMs)} (${predicted.parts.join(', ')}), and the deadline is ${seconds(deadline)}.`,
        'Raise cutover.deadline or validation.connections in the service file, or cut over when the database is less busy.',
      );
    await run.record('predicted', { untilCallMs: predicted.untilCallMs, untilWritesMs: predicted.untilWritesMs });
    await run.record('lag', { at: Date.now(), bytes: lag.bytes });
    return todo(await thresholds(clients, run, verdict), {
      shown: [...figures(lag, predicted, verdict), ...proofLines(proof, verdict), ...intendedLines(verdict), ...(await connected(source))],
    });
  },

  async disconnect({ postgres }, sessions) {
    return disconnect(await postgres.database('source', 'postgres'), rules, sessions);
  },

  undo: { keep: 'an approval changes nothing' },
};

function lateWords({ cutover, destination }: Needs['target'], { bytes, inactive }: Lag): string | undefined {
  if (inactive.length > 0) return `nobody reads from slot ${inactive.join(', ')} of the migration`;
  return bytes > cutover.maxLag
    ? `${destination} is ${bytesText(bytes)} of WAL behind, at most ${bytesText(cutover.maxLag)} is allowed`
    : undefined;
}

/** Whoever is seen here and is no workload of the service file is disconnected by the fence. */
async function connected(source: Sql): Promise<readonly string[]> {
  const lines = await connectedNow(source, rules);
  const more = lines.length > mostLines ? [`and ${lines.length - mostLines} more`] : [];
  return lines.length > 0 ? ['connected now, and ended by the fence:', ...lines.slice(0, mostLines), ...more] : [];
}

/** The question is not asked, or asked anew: what was approved was another schema. */
async function changedSince({ postgres }: Needs, tripped: Tripped): Promise<Observation> {
  if (tripped.is === 'blocking') return blocked('schema.changed', tripped.reason, tripped.remedy, { restartCopy: true });
  const databases = [...new Set(tripped.tables.map(({ database }) => database))];
  const content = (await Promise.all(databases.map((database) => carryForwardSql(postgres, database)))).join('\n');
  return blocked(
    'schema.changed',
    `The source got ${tripped.tables.map(({ database, table }) => `table ${table} (database ${database})`).join(', ')} since the switch was prepared; nothing replicates what is written there.`,
    'Run the attached statements, or drop what is new, then press Retry; or *Restart the copy*: it takes everything anew.',
    { file: { name: 'carry-over.sql', content }, restartCopy: true },
  );
}

async function thresholds({ target, postgres }: Needs, run: RunView, verdict: VerdictRecord): Promise<readonly string[]> {
  const rehearsed = run.recall<Rehearsed>('result', 'rehearse-way-back');
  const prints: string[] = [];
  for (const [database, { schemas }] of Object.entries(target.databases))
    prints.push(`${database} ${(await fingerprint(await postgres.database('source', database), schemas)).hash}`);
  return [
    `stop ${[...stopped(target, 'first'), ...stopped(target, 'rest')].join(', then ') || 'nobody (the fence does it)'}, close ${target.source} to writers, promote ${target.destination}`,
    `deadline ${seconds(target.cutover.deadline)} until the promotion is called; else the writes are given back`,
    `lag at most ${bytesText(target.cutover.maxLag)}`,
    `schema fingerprint ${prints.join(', ')}`,
    `last validation clean: ${verdict.tables} tables, ${verdict.expected} intended differences`,
    rehearsed?.problems.length === 0
      ? 'way back: rehearsed and ready'
      : `NO way back: ${rehearsed?.problems.join('; ') ?? 'not rehearsed'}`,
  ];
}

function figures(lag: Lag, predicted: ReturnType<typeof estimate>, verdict: VerdictRecord): readonly string[] {
  return [
    `lag now ${bytesText(lag.bytes)} in ${lag.slots} slots`,
    `promotion called after about ${seconds(predicted.untilCallMs)} (${predicted.parts.join(', ')})`,
    `writes flow again after about ${seconds(predicted.untilWritesMs)}, with Google’s promotion (minutes; it is not in our hands)`,
    `last validation: ${verdict.rows} rows in ${seconds(verdict.durationMs)}`,
  ];
}

function intendedLines({ intended = [] }: VerdictRecord): readonly string[] {
  return intended.map((line) => `intended difference: ${line}`);
}

/** Where the rows are not proved already, that is the longest part of the write stop. */
function proofLines(proof: ReturnType<typeof proofOf>, verdict: VerdictRecord): readonly string[] {
  if ('none' in proof)
    return [
      `the rows are NOT kept proved (${proof.none}): with the writes off every row is compared, about ${seconds(verdict.durationMs)}`,
    ];
  return [
    'every row is kept proved equal: with the writes off only what changed since is read again',
    ...(proof.kept?.problems ?? []).map((problem) => `proof: ${problem}`),
  ];
}

function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}
