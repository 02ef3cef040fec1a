import { retry as decide } from '../engine/moves.ts';
import type { Verb } from './context.ts';
import { demand } from './roles.ts';
import { change, chooseRun } from './runs.ts';

export const retry: Verb = {
  name: 'retry',
  usage: 'retry [run] [step]',
  does: 'tries the step that stopped again: it looks, and does only what is missing',
  words: 2,
  need: 'operator',
  group: 'Run',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    await demand(context, chosen.service, 'operator', 'try a step again');
    return change(context, chosen.run, (state) => decide(state, context.actor.id, chosen.rest[0]));
  },
};
