import type { Clients } from '../../clients.ts';
import { blocked, type RunView, type Step, todo, waiting } from '../../engine/step.ts';
import { estimate } from '../../postgres/cutover-estimate.ts';
import { fingerprint } from '../../postgres/fingerprint.ts';
import { bytesText, type Lag, lagOf } from '../../postgres/lag.ts';
import type { VerdictRecord } from '../../validator/verdict-report.ts';
import { stopped } from '../../workloads/order.ts';
import { lookAtReplicas } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'workloads'>;
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
    const hindrance = await undoneBy(clients);
    if (hindrance.length > 0)
      return blocked(
        'workloads.undone',
        `Stopping the services would be undone: ${hindrance.join('; ')}.`,
        'Suspend what is named, then press Retry.',
      );
    const lag = await lagOf(postgres);
    if (lag.slots === 0)
      return blocked(
        'cutover.no-slots',
        'The source has no replication slot of the migration job.',
        'Look at the migration job in Database Migration Service.',
      );
    if (lag.inactive.length > 0) return waiting(`nobody reads from slot ${lag.inactive.join(', ')}`, 1_000);
    if (lag.bytes > target.cutover.maxLag)
      return waiting(`lag ${bytesText(lag.bytes)}, at most ${bytesText(target.cutover.maxLag)} is allowed`, 1_000);
    const predicted = estimate({
      stops: stopped(target, 'first').length + (stopped(target, 'rest').length > 0 ? 1 : 0),
      databases: Object.keys(target.databases).length,
      lagBytes: lag.bytes,
      validationMs: verdict.durationMs,
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
    return todo(await thresholds(clients, run, verdict), { shown: figures(lag, predicted, verdict) });
  },

  undo: { keep: 'an approval changes nothing' },
};

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

async function undoneBy({ target, workloads }: Needs): Promise<readonly string[]> {
  const names = [...stopped(target, 'first'), ...stopped(target, 'rest')];
  return (
    await lookAtReplicas(
      workloads,
      names.map((name) => ({ name, replicas: 0 })),
    )
  ).undoneBy;
}

function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}
