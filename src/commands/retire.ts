import { retire as decide } from '../engine/legs.ts';
import { Refused } from '../errors.ts';
import type { Verb } from './context.ts';
import { demand } from './roles.ts';
import { change, chooseRun } from './runs.ts';

export const retire: Verb = {
  name: 'retire',
  usage: 'retire <run|environment> ["why"]',
  does: 'ends the way back of a finished run and deletes the old instance, each after a question of its own',
  need: 'operator',
  group: 'Run',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation, { ended: true });
    await demand(context, chosen.service, 'operator', 'retire the old instance');
    if (chosen.rest.length === invocation.words.length)
      throw new Refused(
        'retire.unnamed',
        `Name the run to retire its old instance: \`/pgupgrade retire ${chosen.run} "why"\`. Nothing was changed.`,
      );
    return change(context, chosen.run, (state) => decide(state, context.shape, context.actor.id, chosen.rest.join(' ')));
  },
};
