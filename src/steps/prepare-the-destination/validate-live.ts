import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo } from '../../engine/step.ts';
import { takeJudged } from '../../validator/judged.ts';
import { compareForRun } from '../../validator/run-comparison.ts';
import { beginProof, endProof, proofOf } from '../../validator/run-proof.ts';
import { carryTables, tripwire } from '../../validator/tripwire.ts';
import { type VerdictRecord, verdictText } from '../../validator/verdict-report.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'validator' | 'secrets' | 'proof' | 'cloudSql'>;

/** The whole comparison while changes still flow. What it finds equal is kept proved from then on (`validate` reads only what changed). */
export const validateLive: Step<Needs> = {
  id: 'validate-live',
  title: 'Compare source and destination while changes flow',
  impact: 'none',

  async check(clients, run) {
    const { target } = clients;
    const differing = takeJudged(run.signal);
    if (differing)
      return blocked(
        'validation.differs',
        verdictText(differing.record),
        'Look at the list; a row that is missing on the destination does not come by itself. Press Retry to compare again, or abort.',
        { exhibits: differing.exhibits, file: { name: 'differences-live.csv', content: differing.csv } },
      );
    const tripped = await tripwire(clients, run);
    if (tripped?.is === 'blocking') return blocked('schema.changed', tripped.reason, tripped.remedy, { restartCopy: true });
    const record = run.recall<VerdictRecord | null>('verdict');
    const carried = run.recall<readonly string[] | null>('carried');
    return record?.equal && !tripped
      ? done([verdictText(record), ...(carried ? [`carried over: ${carried.join(', ')}`] : []), proofWords(run)].join('; '))
      : todo([
          ...(tripped?.plan ?? []),
          'make a replication slot of test_decoding on the source and two on the destination, for the change feeds of the proof',
          `compare every row, the schema and the rights of ${Object.keys(target.databases).join(', ')}, live`,
        ]);
  },

  async apply(clients, run) {
    const { target, secrets } = clients;
    const tripped = await tripwire(clients, run);
    if (tripped?.is === 'carryable')
      await carryTables(clients, run, tripped.tables, (await secrets.latest(target.secrets['migration'] ?? '')) ?? '');
    // An earlier verdict says nothing about what this proof is told, should nobody come to the end of the comparison.
    await run.record('verdict', null);
    // The feeds first: they name what changes while it is compared.
    await beginProof(clients, run);
    try {
      await compareForRun(clients, run, true);
    } catch (error) {
      if (!run.signal.aborted) await endProof(clients, run, 'the comparison did not come to its end').catch(() => undefined);
      throw error;
    }
    if (!run.recall<VerdictRecord>('verdict')?.equal) await endProof(clients, run, 'the comparison found differences');
  },

  /** A slot that nobody reads would keep WAL until the disk is full. */
  async undo(clients, run) {
    // Of a copy that is restarted nothing is left of what was carried over, nor of what was seen to be equal.
    await run.record('carried', null);
    await run.record('verdict', null);
    if (run.recall('proof') === undefined) return;
    const { target, cloudSql } = clients;
    // After a rollback the promoted instance is closed and goes as a whole.
    const destination = run.leg !== 'rollback' && (await cloudSql.instance(target.destination)) !== undefined;
    await endProof(clients, run, 'it was taken back', destination ? ['source', 'destination'] : ['source']);
  },
};

function proofWords(run: RunView): string {
  const proof = proofOf(run);
  return 'none' in proof ? `its rows are not kept proved (${proof.none})` : 'its rows are kept proved from here on';
}
