import { pause as decide } from '../engine/moves.ts';
import type { Verb } from './context.ts';
import { demand } from './roles.ts';
import { change, chooseRun } from './runs.ts';

export const pause: Verb = {
  name: 'pause',
  usage: 'pause [run] ["why"]',
  does: 'stops after the current step; inside the write stop the writes are given back first',
  need: 'operator',
  group: 'Run',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    await demand(context, chosen.service, 'operator', 'pause a run');
    return change(context, chosen.run, (state) => decide(state, context.actor.id, chosen.rest.join(' ')));
  },
};
