import { taskDone } from '../engine/moves.ts';
import { Refused } from '../errors.ts';
import type { Verb } from './context.ts';
import { demand } from './roles.ts';
import { change, chooseRun } from './runs.ts';

export const done: Verb = {
  name: 'done',
  usage: 'done [run] [step] ["answer"]',
  does: 'says that a task is done; the bot looks for itself before it goes on',
  need: 'operator',
  group: 'Run',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    await demand(context, chosen.service, 'operator', 'say that a task is done');
    const { task } = chosen.state;
    const [first = '', ...others] = chosen.rest;
    const named = context.shape.some((step) => step.id === first);
    const step = named ? first : task?.step;
    if (step === undefined) throw new Refused('task.not-open', `${chosen.run} waits for no task; nothing was changed.`);
    return change(context, chosen.run, (state) => taskDone(state, context.actor.id, step, (named ? others : chosen.rest).join(' ')));
  },
};
