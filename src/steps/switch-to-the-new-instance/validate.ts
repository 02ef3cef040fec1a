import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo } from '../../engine/step.ts';
import { takeJudged } from '../../validator/judged.ts';
import { compareForRun } from '../../validator/run-comparison.ts';
import { asProved, proofOf, settleProof } from '../../validator/run-proof.ts';
import { type VerdictRecord, verdictText } from '../../validator/verdict-report.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'validator' | 'secrets' | 'proof'>;

/**
 * Source equals destination, with nobody writing: a verdict holds for the fence's LSN only. Where the rows were kept proved, only what
 * changed since is read again. Any difference gives the writes back.
 */
export const validate: Step<Needs> = {
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
    const rows = 'none' in proofOf(run) ? 'every row' : 'every row that changed since it was proved';
    return todo([`compare ${rows}, the schema and the sequences of ${Object.keys(target.databases).join(', ')} at LSN ${lsn}`]);
  },

  apply: (clients, run) =>
    run.spend('validation', async () => {
      const settling = settleProof(clients, run);
      settling.catch(() => undefined);
      const rowsOf = settling.then((settled) => (typeof settled === 'string' ? undefined : settled.compare));
      rowsOf.catch(() => undefined);
      await compareForRun(
        clients,
        run,
        false,
        async () => ({ lsn: fenceLsn(run), ...asProved(await settling, run.recall<VerdictRecord>('verdict', 'validate-live')) }),
        { rowsOf },
      );
    }),

  undo: { keep: 'comparing changes nothing' },
};

function fenceLsn(run: RunView): string | undefined {
  return run.recall<{ readonly lsn: string } | null>('fence', 'fence-source')?.lsn;
}
