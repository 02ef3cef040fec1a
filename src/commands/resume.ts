import { resume as decide } from '../engine/moves.ts';
import type { Verb } from './context.ts';
import { demand } from './roles.ts';
import { change, chooseRun } from './runs.ts';

export const resume: Verb = {
  name: 'resume',
  usage: 'resume [run]',
  does: 'goes on after a pause',
  words: 1,
  need: 'operator',
  group: 'Run',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    await demand(context, chosen.service, 'operator', 'resume a run');
    return change(context, chosen.run, (state) => decide(state, context.actor.id));
  },
};
