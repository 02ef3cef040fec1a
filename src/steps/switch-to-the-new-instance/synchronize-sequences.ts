import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { currentUser, type Membership } from '../../postgres/membership.ts';
import { lookAtSequences, raiseSequences } from '../../postgres/sequences.ts';

/** Sequences are not replicated: the destination's next value goes beyond the source's, with headroom, and is never lowered. */
export const synchronizeSequences: Step<Pick<Clients, 'target' | 'postgres'>> = {
  id: 'synchronize-sequences',
  title: 'Raise the sequences of the destination',
  impact: 'none',
  writeStop: 'within',

  async check({ target, postgres }, run) {
    const look = await lookAtSequences(postgres, Object.keys(target.databases));
    if (look.unreadable.length > 0)
      return todo([`join ${[...new Set(look.unreadable.map(({ owner }) => owner))].join(', ')} to read their sequences`]);
    if (look.raises.length > 0)
      return todo(look.raises.map(({ database, sequence, from, to }) => `${database}: ${sequence} ${from} → ${to}`));
    const raised = run.recall<number>('raised');
    return done(
      [`${look.compared} sequences are beyond the source’s${raised === undefined ? '' : `, ${raised} were raised`}`, ...look.notes].join(
        '; ',
      ),
    );
  },

  async apply({ target, postgres }, run) {
    const look = await run.spend('sequences', () =>
      raiseSequences(postgres, Object.keys(target.databases), async (side, roles) => {
        const member = await currentUser(await postgres.database(side, 'postgres'));
        const known = run.recall<readonly Membership[]>('memberships') ?? [];
        await run.record('memberships', [...known, ...roles.map((role) => ({ side, role, member }))]);
      }),
    );
    await run.record('raised', look.raises.length);
  },

  undo: { keep: 'a sequence that is ahead harms nobody' },
};
