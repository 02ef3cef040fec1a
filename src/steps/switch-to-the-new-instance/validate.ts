import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo } from '../../engine/step.ts';
import type { Membership } from '../../postgres/membership.ts';
import { asMemberOfOwners } from '../../postgres/read-rights.ts';
import { judge, takeJudged } from '../../validator/judged.ts';
import type { Expectation } from '../../validator/types.ts';
import { recordOf, type VerdictRecord, verdictText } from '../../validator/verdict-report.ts';

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
        verdictText(differing),
        'The writes are given back. Look at the list, put it right, then start the cutover again.',
        {
          name: 'differences.csv',
          content: differing.csv,
        },
      );
    const lsn = fenceLsn(run);
    if (lsn === undefined)
      return blocked('validation.no-fence', 'The source is not fenced: what is equal now need not stay so.', 'Start the cutover again.');
    const record = run.recall<VerdictRecord & { readonly lsn: string }>('verdict');
    if (record?.equal && record.lsn === lsn) return done(`${verdictText(record)}; at LSN ${lsn}`);
    return todo([`compare every row, the schema and the sequences of ${Object.keys(target.databases).join(', ')} at LSN ${lsn}`]);
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
          live: false,
          sequences: true,
          expected,
          ignoredGrantees: ['migration', 'wayback'],
          connections: target.validation.connections,
          signal: run.signal,
          progress: ({ bytes, ofBytes, rows, table }) =>
            run.progress({ text: `${table}, ${rows} rows compared`, ...(ofBytes > 0 ? { fraction: Math.min(1, bytes / ofBytes) } : {}) }),
        }),
    );
    const record = recordOf(verdict, target.validation.showValues);
    await run.record('verdict', { ...record, lsn: fenceLsn(run) });
    if (!record.equal) judge(run.signal, record);
  },

  undo: { keep: 'comparing changes nothing' },
};

function fenceLsn(run: RunView): string | undefined {
  return run.recall<{ readonly lsn: string } | null>('fence', 'fence-source')?.lsn;
}

const expected: readonly Expectation[] = [
  { kind: 'owner', reason: 'Until the ownership is handed over everything on the destination belongs to cloudsqlexternalsync.' },
  { kind: 'grant', reason: 'Database Migration Service carries no grants; grant-destination-roles gives and verifies its own.' },
  { kind: 'default-privilege', reason: 'Default privileges hang on the owner, and the owner changes with the hand-over.' },
];
