import { note as decide } from '../engine/moves.ts';
import type { Verb } from './context.ts';
import { demand } from './roles.ts';
import { change, chooseRun } from './runs.ts';

export const note: Verb = {
  name: 'note',
  usage: 'note [run] "text"',
  does: 'writes a line into the thread and the report',
  need: 'viewer',
  group: 'Run',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation, { ended: true });
    await demand(context, chosen.service, 'viewer', 'write a note');
    return change(context, chosen.run, (state) => decide(state, context.actor.id, chosen.rest.join(' ')));
  },
};
