import { setTimeout as pause } from 'node:timers/promises';
import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo } from '../../engine/step.ts';
import { leaveRoles, type Membership } from '../../postgres/membership.ts';
import { joinOwners } from '../../postgres/read-rights.ts';
import { lookAtWayBack } from '../../postgres/way-back.ts';
import { carryBack } from '../../postgres/way-back-gaps.ts';
import { takeJudged } from '../../validator/judged.ts';
import { compareForRun } from '../../validator/run-comparison.ts';
import { beginProof, endProof, proofOf } from '../../validator/run-proof.ts';
import type { Expectation, Flow } from '../../validator/types.ts';
import { type VerdictRecord, verdictText } from '../../validator/verdict-report.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'validator' | 'secrets' | 'proof'>;

const carryEveryMs = 1_000;
/** Such a table has no proof: its rows are compared in the write stop, where none may be missing. */
const onItsWay: Expectation = {
  kind: 'table',
  reason: 'A table that the service has just made is carried over by the upkeep of the way back.',
};

/** As before the cutover: every row is compared while the service writes and kept proved, so that the write stop is short again. */
export const validateLiveRollback: Step<Needs> = {
  id: 'validate-live-rollback',
  title: 'Compare the two instances while changes flow back',
  impact: 'none',

  async check(clients, run) {
    const { target } = clients;
    const differing = takeJudged(run.signal);
    if (differing)
      return blocked(
        'validation.differs',
        verdictText(differing.record, 'rows'),
        'Look at the list: a row that is only on the new instance would be lost. Put it right, then press Retry; or stay on the new instance (Abort).',
        { exhibits: differing.exhibits, file: { name: 'differences-live-rollback.csv', content: differing.csv } },
      );
    if ((await flowOf(clients, run)) === undefined)
      return done('nothing flows from the new instance to the old one: every row is compared with the writes off');
    const record = run.recall<VerdictRecord | null>('verdict');
    if (!record?.equal)
      return todo([
        'make a replication slot of test_decoding on the new instance and two on the old one, for the change feeds of the proof',
        `compare every row of ${Object.keys(target.databases).join(', ')}, live`,
      ]);
    const proof = proofOf(run);
    const kept = 'none' in proof ? `its rows are not kept proved (${proof.none})` : 'its rows are kept proved from here on';
    return done(`${verdictText(record, 'rows')}; ${kept}`);
  },

  async apply(clients, run) {
    const { target, postgres } = clients;
    const flow = await flowOf(clients, run);
    if (!flow) return;
    await run.record('verdict', null);
    // Until the old instance is opened: the rows that change are read again all the time.
    await joinOwners(postgres, Object.keys(target.databases), run.recall<readonly Membership[] | null>('reading') ?? [], (all) =>
      run.record('reading', all),
    );
    await beginProof(clients, run);
    try {
      await whileCarried(clients, run, () => compareForRun(clients, run, true, undefined, { parts: 'rows', flow, expected: [onItsWay] }));
    } catch (error) {
      if (!run.signal.aborted) await endProof(clients, run, 'the comparison did not come to its end').catch(() => undefined);
      throw error;
    }
    if (!run.recall<VerdictRecord>('verdict')?.equal) await endProof(clients, run, 'the comparison found differences');
  },

  async undo(clients, run) {
    if (run.recall('proof') !== undefined) await endProof(clients, run, 'it was taken back');
    const reading = run.recall<readonly Membership[] | null>('reading') ?? [];
    for (const side of ['source', 'destination'] as const) await leaveRoles(await clients.postgres.database(side, 'postgres'), reading);
    await run.record('reading', null);
    await run.record('verdict', null);
  },
};

/** A partition that the service makes stops the apply until it is on the old instance too: the comparison would wait for it. */
async function whileCarried({ target, postgres }: Needs, run: RunView, work: () => Promise<void>): Promise<void> {
  const over = new AbortController();
  const carrying = (async () => {
    while (!over.signal.aborted) {
      // What cannot be carried over is the preparation's to tell, and the write stop's.
      await carryBack(postgres, run.uid, Object.keys(target.databases)).catch(() => undefined);
      await pause(carryEveryMs, undefined, { signal: over.signal }).catch(() => undefined);
    }
  })();
  try {
    await work();
  } finally {
    over.abort();
    await carrying;
  }
}

/** By the armed way back, once the services write on the new instance; `undefined`: both are closed, or nothing would arrive. */
async function flowOf({ target, postgres }: Pick<Needs, 'target' | 'postgres'>, run: RunView): Promise<Flow | undefined> {
  if (run.recall('started', 'start-services') === undefined) return undefined;
  const ways = await lookAtWayBack({ postgres, uid: run.uid, databases: Object.keys(target.databases) });
  if (ways.some(({ subscription }) => subscription !== 'enabled')) return undefined;
  return { from: 'destination', slots: Object.fromEntries(ways.map(({ database, name }) => [database, [name]])) };
}
