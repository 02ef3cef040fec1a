import { rollback as decide } from '../engine/legs.ts';
import { Refused } from '../errors.ts';
import type { Verb } from './context.ts';
import { demand } from './roles.ts';
import { change, chooseRun } from './runs.ts';

export const rollback: Verb = {
  name: 'rollback',
  usage: 'rollback <run|environment> "why"',
  does: 'goes back to the old instance with everything that was written on the new one; before the promotion it is the abort',
  need: 'operator',
  group: 'Emergency',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation, { ended: true });
    await demand(context, chosen.service, 'operator', 'roll a run back');
    if (chosen.rest.length === invocation.words.length)
      throw new Refused(
        'rollback.unnamed',
        `Name the run to roll it back: \`/pgupgrade rollback ${chosen.run} "why"\`. Nothing was changed.`,
      );
    return change(context, chosen.run, (state) => decide(state, context.shape, context.actor.id, chosen.rest.join(' ')));
  },
};
