import { abort as decide } from '../engine/moves.ts';
import { Refused } from '../errors.ts';
import type { Verb } from './context.ts';
import { demand } from './roles.ts';
import { change, chooseRun } from './runs.ts';

export const abort: Verb = {
  name: 'abort',
  usage: 'abort <run> "why"',
  does: 'ends the run and takes back what was done, latest first; refused once the promotion was called',
  need: 'operator',
  group: 'Emergency',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    await demand(context, chosen.service, 'operator', 'abort a run');
    if (invocation.words[0]?.toUpperCase() !== chosen.run)
      throw new Refused('abort.unnamed', `Name the run to abort it: \`/pgupgrade abort ${chosen.run} "why"\`. Nothing was changed.`);
    return change(context, chosen.run, (state) => decide(state, context.shape, context.actor.id, chosen.rest.join(' ')));
  },
};
