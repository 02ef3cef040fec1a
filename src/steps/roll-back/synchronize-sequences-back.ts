import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo } from '../../engine/step.ts';
import { currentUser, leaveRoles, type Membership } from '../../postgres/membership.ts';
import { lookAtSequences, raiseSequences } from '../../postgres/sequences.ts';

type Needs = Pick<Clients, 'target' | 'postgres'>;
interface Raised {
  readonly lsn: string;
  readonly compared: number;
  readonly raised: number;
  readonly notes: readonly string[];
}

/** The way back carries no sequences: the old instance's next value goes beyond everything that the new one handed out. */
export const synchronizeSequencesBack: Step<Needs> = {
  id: 'synchronize-sequences-back',
  title: 'Raise the sequences of the old instance',
  impact: 'none',
  writeStop: 'within',
  waitsFor: 'sequences',

  async check({ target }, run) {
    const lsn = fenceLsn(run);
    if (lsn === undefined)
      return blocked('sequences.no-fence', 'The new instance is not closed: its sequences may still move.', 'Start the rollback again.');
    const record = run.recall<Raised>('raised');
    if (record?.lsn !== lsn)
      return todo([
        `raise every sequence of ${Object.keys(target.databases).join(', ')} on ${target.source} beyond ${target.destination}’s`,
      ]);
    return done([`${record.compared} sequences are beyond the new instance’s, ${record.raised} were raised`, ...record.notes].join('; '));
  },

  async apply({ target, postgres }, run) {
    const databases = Object.keys(target.databases);
    try {
      const first = await run.spend('sequences', () =>
        raiseSequences(postgres, databases, (side, roles) => joined({ target, postgres }, run, side, roles), 'destination'),
      );
      // Looked at again while they can be read: the bot's memberships end here.
      const { compared, raises, notes } = await lookAtSequences(postgres, databases, 'destination');
      if (raises.length > 0) return;
      await run.record('raised', { lsn: fenceLsn(run) ?? '', compared, raised: first.raises.length, notes } satisfies Raised);
    } finally {
      const memberships = run.recall<readonly Membership[]>('memberships') ?? [];
      for (const side of ['source', 'destination'] as const) await leaveRoles(await postgres.database(side, 'postgres'), memberships);
    }
  },

  undo: { keep: 'a sequence that is ahead harms nobody' },
};

async function joined({ postgres }: Needs, run: RunView, side: 'source' | 'destination', roles: readonly string[]): Promise<void> {
  const member = await currentUser(await postgres.database(side, 'postgres'));
  const known = run.recall<readonly Membership[]>('memberships') ?? [];
  await run.record('memberships', [...known, ...roles.map((role) => ({ side, role, member }))]);
}

function fenceLsn(run: RunView): string | undefined {
  return run.recall<{ readonly lsn: string } | null>('fence', 'fence-destination')?.lsn;
}
