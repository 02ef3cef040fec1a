import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo } from '../../engine/step.ts';
import { takeJudged } from '../../validator/judged.ts';
import { compareForRun } from '../../validator/run-comparison.ts';
import { type VerdictRecord, verdictText } from '../../validator/verdict-report.ts';

/** Source equals destination, with nobody writing: a verdict holds for the fence's LSN only. Any difference gives the writes back. */
export const validate: Step<Pick<Clients, 'target' | 'postgres' | 'validator'>> = {
  id: 'validate',
  title: 'Compare source and destination',
  impact: 'none',
  writeStop: 'within',

  async check({ target }, run) {
    const differing = takeJudged(run.signal);
    if (differing)
      return blocked(
        'validation.differs',
        verdictText(differing.record),
        'The writes are given back. Look at the list, put it right, then start the cutover again.',
        { exhibits: differing.exhibits, file: { name: 'differences.csv', content: differing.csv } },
      );
    const lsn = fenceLsn(run);
    if (lsn === undefined)
      return blocked('validation.no-fence', 'The source is not fenced: what is equal now need not stay so.', 'Start the cutover again.');
    const record = run.recall<VerdictRecord & { readonly lsn: string }>('verdict');
    if (record?.equal && record.lsn === lsn) return done(`${verdictText(record)}; at LSN ${lsn}`);
    return todo([`compare every row, the schema and the sequences of ${Object.keys(target.databases).join(', ')} at LSN ${lsn}`]);
  },

  apply: (clients, run) => run.spend('validation', () => compareForRun(clients, run, false, { lsn: fenceLsn(run) })),

  undo: { keep: 'comparing changes nothing' },
};

function fenceLsn(run: RunView): string | undefined {
  return run.recall<{ readonly lsn: string } | null>('fence', 'fence-source')?.lsn;
}
