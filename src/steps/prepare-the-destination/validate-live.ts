import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, todo } from '../../engine/step.ts';
import { takeJudged } from '../../validator/judged.ts';
import { compareForRun } from '../../validator/run-comparison.ts';
import { type VerdictRecord, verdictText } from '../../validator/verdict-report.ts';

/** The whole comparison while changes still flow; its duration predicts the one in the write stop. */
export const validateLive: Step<Pick<Clients, 'target' | 'postgres' | 'validator'>> = {
  id: 'validate-live',
  title: 'Compare source and destination while changes flow',
  impact: 'none',

  async check({ target }, run) {
    const differing = takeJudged(run.signal);
    if (differing)
      return blocked(
        'validation.differs',
        verdictText(differing.record),
        'Look at the list; a row that is missing on the destination does not come by itself. Press Retry to compare again, or abort.',
        { exhibits: differing.exhibits, file: { name: 'differences-live.csv', content: differing.csv } },
      );
    const record = run.recall<VerdictRecord>('verdict');
    return record?.equal
      ? done(verdictText(record))
      : todo([`compare every row, the schema and the rights of ${Object.keys(target.databases).join(', ')}, live`]);
  },

  apply: (clients, run) => compareForRun(clients, run, true),

  undo: { keep: 'comparing changes nothing' },
};
