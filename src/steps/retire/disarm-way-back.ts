import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import type { FenceLedger } from '../../postgres/fence-ledger.ts';
import { leave, leaveRoles, type Membership } from '../../postgres/membership.ts';
import { disarmWayBack as disarm, lookAtWayBack } from '../../postgres/way-back.ts';

/** Steps of the upgrade whose memberships nothing needs any more; those of the preparing steps go with the users. */
const membershipSteps = ['synchronize-sequences', 'promote-destination', 'arm-way-back'];

/** From here on the old instance no longer gets what is written on the new one: the end of every rollback. */
export const disarmWayBack: Step<Pick<Clients, 'target' | 'postgres' | 'secrets'>> = {
  id: 'disarm-way-back',
  title: 'Take the way back down',
  impact: 'none',
  gate: { question: 'Give up the way back to the old instance?' },

  async check({ target, postgres }, run) {
    const looks = await lookAtWayBack({ postgres, uid: run.uid, databases: Object.keys(target.databases) });
    const left = looks.filter(({ publication, slot, subscription }) => publication || slot || subscription !== 'none');
    if (left.length === 0) return done('no slot, publication or subscription of the way back is left');
    return todo([
      ...left.map(
        ({ name, database }) =>
          `database ${database}: drop subscription ${name} on ${target.source}, slot and publication ${name} on ${target.destination}`,
      ),
      `afterwards nothing brings what is written on ${target.destination} to ${target.source}: no rollback`,
    ]);
  },

  async apply({ target, postgres, secrets }, run) {
    const password = (await secrets.latest(target.secrets['wayback'] ?? '')) ?? '';
    await disarm({ postgres, uid: run.uid, databases: Object.keys(target.databases), user: 'wayback', password });
    const memberships = membershipSteps.flatMap((step) => run.recall<readonly Membership[]>('memberships', step) ?? []);
    const home = await postgres.database('source', 'postgres');
    await leaveRoles(home, memberships);
    // The fence stays up; what the bot's user joined for it does not.
    await leave(home, run.recall<FenceLedger | null>('ledger', 'fence-source')?.memberships ?? []);
    await leave(home, run.recall<FenceLedger | null>('ledger', 'start-services')?.memberships ?? []);
  },

  undo: { irreversible: 'the way back was taken down, and its slot with it' },
};
