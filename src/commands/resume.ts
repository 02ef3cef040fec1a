import { resume as decide } from '../engine/moves.ts';
import { Refused } from '../errors.ts';
import type { Verb } from './context.ts';
import { lockedSentence } from './lock.ts';
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
    const { service, environment } = chosen.header;
    const locked = (await context.log.locks()).get(`${service}/${environment}`);
    // A planned start that came due behind a lock has begun nothing yet.
    if (locked && chosen.state.steps.every((step) => step.status === 'pending'))
      throw new Refused('environment.locked', lockedSentence({ service, environment }, locked));
    return change(context, chosen.run, (state) => decide(state, context.actor.id));
  },
};
