import { gateRule } from '../config/target.ts';
import { castVote, type VoteRequest, withdrawVote } from '../engine/approvals.ts';
import { askAgain } from '../engine/moves.ts';
import { Refused } from '../errors.ts';
import type { CommandContext, Verb } from './context.ts';
import { targetOfRun } from './face.ts';
import type { Invocation, Question } from './parse.ts';
import { demand, doubt, rolesIn } from './roles.ts';
import { type ChosenRun, change, chooseRun } from './runs.ts';

export const approve: Verb = {
  name: 'approve',
  usage: 'approve [run]',
  words: 1,
  does: 'approves the open question, as its button does',
  need: 'gate',
  group: 'Decide',
  run: (context, invocation) => vote('approve', context, invocation),
};
export const reject: Verb = {
  name: 'reject',
  usage: 'reject [run] "why"',
  does: 'closes the open question; the run then waits',
  need: 'gate',
  group: 'Decide',
  run: (context, invocation) => vote('reject', context, invocation),
};
export const withdraw: Verb = {
  name: 'withdraw',
  usage: 'withdraw [run]',
  words: 1,
  does: 'takes your own approval back while others are still missing',
  need: 'gate',
  group: 'Decide',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    const { gate, nonce } = question(chosen, invocation);
    const voter = { id: context.actor.id, roles: new Set<string>() };
    return change(context, chosen.run, (state) => withdrawVote({ state, voter, gate, nonce }));
  },
};
export const again: Verb = {
  name: 'ask-again',
  usage: 'ask-again [run]',
  words: 1,
  does: 'asks a question that expired anew, with what is seen then',
  need: 'operator',
  group: 'Decide',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    const { nonce } = question(chosen, invocation);
    await demand(context, chosen.service, 'operator', 'ask again');
    return change(context, chosen.run, (state) => askAgain(state, context.actor.id, nonce));
  },
};

async function vote(kind: VoteRequest['vote'], context: CommandContext, invocation: Invocation) {
  const chosen = await chooseRun(context, invocation);
  const { gate, nonce } = question(chosen, invocation);
  const rule = gateRule(targetOfRun(chosen.service, chosen.header), gate);
  const voter = { id: context.actor.id, roles: await rolesIn(context, chosen.service) };
  const reason = chosen.rest.join(' ').trim();
  try {
    return await change(context, chosen.run, (state) =>
      castVote({ state, rule, voter, gate, nonce, vote: kind, now: context.now(), ...(reason ? { reason } : {}) }),
    );
  } catch (error) {
    if (error instanceof Refused && error.code === 'gate.not-the-role') throw new Refused(error.code, `${error.message}${doubt(context)}`);
    throw error;
  }
}

/** The question that is meant: a button says which one, typed words mean the open one. */
function question(chosen: ChosenRun, invocation: Invocation): Question {
  if (invocation.question) return invocation.question;
  const open = chosen.state.gate;
  if (!open) throw new Refused('gate.not-open', `${chosen.run} asks nothing now; nothing was changed.`);
  return open;
}
