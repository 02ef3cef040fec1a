import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { disarmWayBack, lookAtWayBack } from '../../postgres/way-back.ts';

/** Its slot would keep WAL on the new instance for ever. Nothing waits for it: the services write on the old one. */
export const removeWayBack: Step<Pick<Clients, 'target' | 'postgres' | 'secrets'>> = {
  id: 'remove-way-back',
  title: 'Remove what is left of the way back',
  impact: 'none',
  skippable: true,

  async check({ target, postgres }, run) {
    const looks = await lookAtWayBack({ postgres, uid: run.uid, databases: Object.keys(target.databases) });
    const left = looks.filter(({ publication, slot, subscription }) => publication || slot || subscription !== 'none');
    return left.length > 0
      ? todo(left.map(({ name, database }) => `${target.destination}, database ${database}: drop slot and publication ${name}`))
      : done('no slot, publication or subscription of the way back is left');
  },

  async apply({ target, postgres, secrets }, run) {
    const password = (await secrets.latest(target.secrets['wayback'] ?? '')) ?? '';
    await disarmWayBack({ postgres, uid: run.uid, databases: Object.keys(target.databases), user: 'wayback', password });
  },

  undo: { irreversible: 'without its slot the way back would lack what was written meanwhile' },
};
