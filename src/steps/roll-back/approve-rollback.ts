import type { Clients } from '../../clients.ts';
import { blocked, lasts, type Step, todo, waiting } from '../../engine/step.ts';
import { disconnect, hindrances } from '../../postgres/connected.ts';
import { estimate } from '../../postgres/cutover-estimate.ts';
import { bytesText } from '../../postgres/lag.ts';
import { lookAtWayBack } from '../../postgres/way-back.ts';
import { proofOf, readAgainWithinMs } from '../../validator/run-proof.ts';
import type { VerdictRecord } from '../../validator/verdict-report.ts';
import { held, stopped } from '../../workloads/order.ts';
import { undoneBy } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'workloads'>;
/** `keep`: users whose sessions belong to the way back. */
const rules = { keep: ['wayback'], readers: [] };

/** Of a validation whose rows are proved, on the careful side. */
const provedMs = 2_000;

/** The card of the way back: what is stopped, what comes along, and for about how long writes are off. */
export const approveRollback: Step<Needs> = {
  id: 'approve-rollback',
  title: 'Go or no-go: stop the writes and go back',
  impact: 'writes-stop',
  gate: { question: 'Stop the writes now and go back to the old instance?' },
  writeStop: 'gate',

  async check({ target, postgres, workloads }, run) {
    const names = [...stopped(target, 'first'), ...stopped(target, 'rest'), ...held(target).map(({ name }) => name)];
    const reasons = await undoneBy(workloads, names);
    if (reasons.length > 0)
      return blocked(
        'workloads.undone',
        `Stopping the services would be undone: ${reasons.join('; ')}.`,
        'Suspend what is named, then press Retry.',
      );
    // Between the promotion and the first write both sides are closed already: nothing may keep people from returning.
    const writesFlow = run.recall('started', 'start-services') !== undefined;
    const open = writesFlow ? await hindrances(await postgres.database('destination', 'postgres'), rules) : undefined;
    if (open && open.words.length > 0)
      return blocked(
        'cutover.open-transactions',
        `The write stop would break off or wait for what is open on ${target.destination}: ${open.words.join('; ')}.`,
        open.remedy,
        { sessions: open.sessions },
      );
    const databases = Object.keys(target.databases);
    const verdict =
      run.recall<VerdictRecord | null>('verdict', 'validate-live-rollback') ?? run.recall<VerdictRecord>('verdict', 'validate-live');
    const proof = proofOf(run);
    const differing = 'none' in proof ? [] : (proof.kept?.differing ?? []);
    const tables = differing.join(', ');
    if (await lasts(run, 'differs since', differing.length > 0, readAgainWithinMs))
      return blocked(
        'validation.differs',
        `Rows of ${tables} differ since they were compared, and the way back does not mend them.`,
        'Put the rows right, then press Retry; or stay on the new instance (Abort).',
      );
    if (differing.length > 0) return waiting(`rows of ${tables} differ, and are read again`, 500);
    const predicted = estimate({
      stops: names.length,
      databases: databases.length,
      lagBytes: 0,
      validationMs: 'none' in proof ? (verdict?.durationMs ?? 0) : provedMs,
    });
    const { deadline } = target.cutover;
    if (writesFlow && predicted.untilCallMs > deadline)
      return blocked(
        'cutover.too-long',
        `${target.source} would be opened after about ${seconds(predicted.untilCallMs)} (${predicted.parts.join(', ')}), and the deadline is ${seconds(deadline)}.`,
        'Raise cutover.deadline or validation.connections in the service file, or go back when the database is less busy.',
      );
    const wayBack = await lookAtWayBack({ postgres, uid: run.uid, databases });
    const armed = writesFlow && wayBack.some(({ subscription }) => subscription !== 'none');
    return todo(
      [
        `stop ${names.join(', ') || 'nobody (the fence does it)'}, close ${target.destination} to writers, open ${target.source}`,
        armed
          ? `what was written on ${target.destination} comes along; every row is compared before ${target.source} is opened`
          : `nothing may have been written on ${target.destination}: every row is compared before ${target.source} is opened`,
        `deadline ${seconds(deadline)} until ${target.source} is opened; else the writes are given back on ${target.destination}`,
        `lag at most ${bytesText(target.cutover.maxLag)}`,
      ],
      {
        shown: [
          `${target.source} is opened after about ${seconds(predicted.untilCallMs)} (${predicted.parts.join(', ')})`,
          ...('none' in proof
            ? writesFlow
              ? [`the rows are NOT kept proved (${proof.none}): with the writes off every row is compared`]
              : []
            : [
                'every row is kept proved equal: with the writes off only what changed since is read again',
                ...(proof.kept?.problems ?? []).map((problem) => `proof: ${problem}`),
              ]),
          'afterwards what the upgrade changed there is taken back: constraints, users, settings',
        ],
      },
    );
  },

  async disconnect({ postgres }, sessions) {
    return disconnect(await postgres.database('destination', 'postgres'), rules, sessions);
  },

  undo: { keep: 'an approval changes nothing' },
};

function seconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`;
}
