import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { leaveRoles, type Membership } from '../../postgres/membership.ts';
import { dropProofSlots, hasProofSlots } from '../../postgres/proof-slots.ts';
import { disarmWayBack, lookAtWayBack } from '../../postgres/way-back.ts';
import { slotsRequest } from '../../validator/run-proof.ts';

/** Its slot would keep WAL on the new instance for ever. Nothing waits for it: the services write on the old one. */
export const removeWayBack: Step<Pick<Clients, 'target' | 'postgres' | 'secrets' | 'proof'>> = {
  id: 'remove-way-back',
  title: 'Remove what is left of the way back',
  impact: 'none',
  skippable: true,

  async check({ target, postgres }, run) {
    const looks = await lookAtWayBack({ postgres, uid: run.uid, databases: Object.keys(target.databases) });
    const left = looks.filter(({ publication, slot, subscription }) => publication || slot || subscription !== 'none');
    const proof = await hasProofSlots({ postgres, uid: run.uid }, ['source']);
    return left.length > 0 || proof
      ? todo([
          ...left.map(({ name, database }) => `${target.destination}, database ${database}: drop slot and publication ${name}`),
          ...(proof ? ['drop the slots of the proof’s change feeds'] : []),
        ])
      : done('no slot, publication or subscription of the way back is left');
  },

  async apply(clients, run) {
    const { target, postgres, secrets } = clients;
    await clients.proof.release();
    const slots = await slotsRequest(clients, run);
    await dropProofSlots(slots, ['source']);
    // What is left on the promoted instance goes with it, and nobody writes there.
    await dropProofSlots(slots, ['destination']).catch(() => run.signal.throwIfAborted());
    const reading = run.recall<readonly Membership[] | null>('reading', 'validate-live-rollback') ?? [];
    await leaveRoles(await postgres.database('destination', 'postgres'), reading);
    const password = (await secrets.latest(target.secrets['wayback'] ?? '')) ?? '';
    await disarmWayBack({ postgres, uid: run.uid, databases: Object.keys(target.databases), user: 'wayback', password });
  },

  undo: { irreversible: 'without its slot the way back would lack what was written meanwhile' },
};
