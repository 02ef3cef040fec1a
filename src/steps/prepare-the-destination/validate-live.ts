import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, todo } from '../../engine/step.ts';
import type { Membership } from '../../postgres/membership.ts';
import { asMemberOfOwners } from '../../postgres/read-rights.ts';
import { judge, takeJudged } from '../../validator/judged.ts';
import type { Expectation } from '../../validator/types.ts';
import { recordOf, type VerdictRecord, verdictText } from '../../validator/verdict-report.ts';

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
        verdictText(differing),
        'Look at the list; a row that is missing on the destination does not come by itself. Press Retry to compare again, or abort.',
        {
          name: 'differences-live.csv',
          content: differing.csv,
        },
      );
    const record = run.recall<VerdictRecord>('verdict');
    return record?.equal
      ? done(verdictText(record))
      : todo([`compare every row, the schema and the rights of ${Object.keys(target.databases).join(', ')}, live`]);
  },

  async apply({ target, postgres, validator }, run) {
    const databases = Object.keys(target.databases);
    const verdict = await asMemberOfOwners(
      postgres,
      databases,
      run.recall<readonly Membership[]>('memberships') ?? [],
      (all) => run.record('memberships', all),
      () =>
        validator.compare({
          databases,
          live: true,
          sequences: false,
          expected,
          ignoredGrantees: ['migration', 'wayback'],
          connections: target.validation.connections,
          signal: run.signal,
          progress: ({ bytes, ofBytes, rows, table }) =>
            run.progress({ text: `${table}, ${rows} rows compared`, ...(ofBytes > 0 ? { fraction: Math.min(1, bytes / ofBytes) } : {}) }),
        }),
    );
    const record = recordOf(verdict, target.validation.showValues);
    await run.record('verdict', record);
    if (!record.equal) judge(run.signal, record);
  },

  undo: { keep: 'comparing changes nothing' },
};

const expected: readonly Expectation[] = [
  { kind: 'owner', reason: 'Until the ownership is handed over everything on the destination belongs to cloudsqlexternalsync.' },
  { kind: 'grant', reason: 'Database Migration Service carries no grants; grant-destination-roles gives and verifies its own.' },
  { kind: 'default-privilege', reason: 'Default privileges hang on the owner, and the owner changes with the hand-over.' },
];
