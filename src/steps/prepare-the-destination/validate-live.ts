import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, todo } from '../../engine/step.ts';
import { takeJudged } from '../../validator/judged.ts';
import { compareForRun } from '../../validator/run-comparison.ts';
import { carryTables, tripwire } from '../../validator/tripwire.ts';
import { type VerdictRecord, verdictText } from '../../validator/verdict-report.ts';

/** The whole comparison while changes still flow; its duration predicts the one in the write stop. */
export const validateLive: Step<Pick<Clients, 'target' | 'postgres' | 'validator' | 'secrets'>> = {
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
    if (tripped?.is === 'blocking') return blocked('schema.changed', tripped.reason, tripped.remedy);
    const record = run.recall<VerdictRecord>('verdict');
    const carried = run.recall<readonly string[]>('carried');
    return record?.equal && !tripped
      ? done([verdictText(record), ...(carried ? [`carried over: ${carried.join(', ')}`] : [])].join('; '))
      : todo([
          ...(tripped?.plan ?? []),
          `compare every row, the schema and the rights of ${Object.keys(target.databases).join(', ')}, live`,
        ]);
  },

  async apply(clients, run) {
    const { target, secrets } = clients;
    const tripped = await tripwire(clients, run);
    if (tripped?.is === 'carryable')
      await carryTables(clients, run, tripped.tables, (await secrets.latest(target.secrets['migration'] ?? '')) ?? '');
    await compareForRun(clients, run, true);
  },

  undo: { keep: 'comparing changes nothing' },
};
