import { skip as decide } from '../engine/moves.ts';
import type { Verb } from './context.ts';
import { demand } from './roles.ts';
import { change, chooseRun } from './runs.ts';

export const skip: Verb = {
  name: 'skip',
  usage: 'skip [run] <step> "why"',
  does: 'goes on without the step that stopped, where the runbook allows it',
  need: 'approver',
  group: 'Decide',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    await demand(context, chosen.service, 'approver', 'skip a step');
    const [step = chosen.state.blocked?.step ?? '', ...reason] = chosen.rest;
    return change(context, chosen.run, (state) => decide(state, context.actor.id, step, reason.join(' ')));
  },
};
