import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo } from '../../engine/step.ts';
import { takeJudged } from '../../validator/judged.ts';
import { compareForRun } from '../../validator/run-comparison.ts';
import { asProved, settleProof } from '../../validator/run-proof.ts';
import { type VerdictRecord, verdictText } from '../../validator/verdict-report.ts';

/**
 * Every row of the new instance is on the old one, and no other, with nobody writing. The schema differs on purpose until
 * the constraints are back; what of it would cost rows is found by the way back's own look.
 */
export const validateRollback: Step<Pick<Clients, 'target' | 'postgres' | 'validator' | 'secrets' | 'proof'>> = {
  id: 'validate-rollback',
  title: 'Compare the new instance with the old one',
  impact: 'none',
  writeStop: 'within',
  waitsFor: 'validation',

  async check({ target }, run) {
    const differing = takeJudged(run.signal);
    if (differing)
      return blocked(
        'validation.differs',
        verdictText(differing.record),
        'Look at the list: a row that is only on the new instance would be lost. Put it right, then start the rollback again.',
        { exhibits: differing.exhibits, file: { name: 'differences-rollback.csv', content: differing.csv } },
      );
    const lsn = fenceLsn(run);
    if (lsn === undefined)
      return blocked(
        'validation.no-fence',
        'The new instance is not closed: what is equal now need not stay so.',
        'Start the rollback again.',
      );
    const record = run.recall<VerdictRecord & { readonly lsn: string }>('verdict');
    if (record?.equal && record.lsn === lsn) return done(`${verdictText(record, 'rows')}; at LSN ${lsn}`);
    return todo([`compare every row of ${Object.keys(target.databases).join(', ')} at LSN ${lsn}`]);
  },

  apply: (clients, run) =>
    run.spend('validation', async () => {
      const settling = settleProof(clients, run);
      settling.catch(() => undefined);
      const rowsOf = settling.then((settled) => (typeof settled === 'string' ? undefined : settled.compare));
      rowsOf.catch(() => undefined);
      const more = async () => ({
        lsn: fenceLsn(run),
        ...asProved(await settling, run.recall<VerdictRecord>('verdict', 'validate-live-rollback')),
      });
      await compareForRun(clients, run, false, more, { parts: 'rows', sequences: false, rowsOf });
    }),

  undo: { keep: 'comparing changes nothing' },
};

function fenceLsn(run: RunView): string | undefined {
  return run.recall<{ readonly lsn: string } | null>('fence', 'fence-destination')?.lsn;
}
