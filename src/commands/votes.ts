import { gateRule } from '../config/target.ts';
import { castVote, type Decision, recheck as decideRecheck, type VoteRequest, withdrawVote } from '../engine/approvals.ts';
import { askAgain } from '../engine/moves.ts';
import { Refused } from '../errors.ts';
import { renderApproval } from '../slack/render/approval.ts';
import { people } from '../slack/render/text.ts';
import type { CommandContext, Verb } from './context.ts';
import { targetOfRun } from './face.ts';
import type { Invocation, Question } from './parse.ts';
import { demand, doubt, mayDo, rolesIn } from './roles.ts';
import { type ChosenRun, change, chooseRun } from './runs.ts';

/** Which question is meant, where no card says it: typed words must not approve what their writer has not seen. */
const questionFlag = { name: 'question', valued: true } as const;

export const approve: Verb = {
  name: 'approve',
  usage: 'approve [run] [--question=…]',
  flags: [questionFlag],
  words: 1,
  does: 'shows the open question with its plan, and approves it when you confirm',
  need: 'gate',
  group: 'Decide',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    const question = meant(chosen, invocation);
    return question ? vote('approve', context, chosen, question) : show(context, chosen);
  },
};
export const reject: Verb = {
  name: 'reject',
  usage: 'reject [run] "why"',
  does: 'closes the open question; the run then waits',
  need: 'gate',
  group: 'Decide',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    return vote('reject', context, chosen, meant(chosen, invocation) ?? openQuestion(chosen));
  },
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
    const question = meant(chosen, invocation) ?? openQuestion(chosen);
    const voter = { id: context.actor.id, roles: new Set<string>() };
    return change(context, chosen.run, (state) => withdrawVote({ state, voter, ...question }));
  },
};
export const recheck: Verb = {
  name: 'recheck',
  usage: 'recheck [run]',
  words: 1,
  does: 'looks again at what is asked about: the same plan keeps its votes, another one is asked anew',
  need: 'gate',
  group: 'Decide',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    const question = meant(chosen, invocation) ?? openQuestion(chosen);
    const roles = await rolesIn(context, chosen.service);
    const { role } = ruleOf(chosen, question.gate);
    if (!mayDo(roles, 'operator') && !roles.has(role)) await demand(context, chosen.service, 'operator', 'have it looked at again');
    return change(context, chosen.run, (state) => decideRecheck({ state, voter: { id: context.actor.id, roles }, ...question }));
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
    const { nonce } = meant(chosen, invocation) ?? openQuestion(chosen);
    await demand(context, chosen.service, 'operator', 'ask again');
    return change(context, chosen.run, (state) => askAgain(state, context.actor.id, nonce));
  },
};

async function vote(kind: VoteRequest['vote'], context: CommandContext, chosen: ChosenRun, question: Question) {
  const rule = ruleOf(chosen, question.gate);
  const voter = { id: context.actor.id, roles: await rolesIn(context, chosen.service) };
  const reason = chosen.rest.join(' ').trim();
  const who = people(chosen.service.people[rule.role]);
  return change(context, chosen.run, (state) => {
    const decision = castVote({ state, rule, voter, ...question, vote: kind, now: context.now(), ...(reason ? { reason } : {}) });
    return named(decision, who, doubt(context));
  });
}

/** Who may, in Slack's names, which the engine does not know. */
function named(decision: Decision, who: string, unsure: string): Decision {
  if (decision.kind !== 'refused') return decision;
  if (decision.code === 'gate.not-the-role') throw new Refused(decision.code, `${decision.message} Ask ${who}.${unsure}`);
  if (decision.code === 'gate.requester') throw new Refused(decision.code, `${decision.message} Ask ${who}.`);
  return decision;
}

/** The question in front of its plan. In a terminal the second call names it. */
function show(context: CommandContext, chosen: ChosenRun) {
  const gate = chosen.state.gate;
  if (!gate)
    throw new Refused('gate.not-open', `${chosen.run} asks nothing now; nothing was changed. See \`/pgupgrade status ${chosen.run}\`.`);
  if (context.actor.via === 'slack') return { modal: renderApproval(chosen.run, gate, context.channel ?? chosen.header.channel) };
  const lines = [...gate.shown.map((line) => `• ${line}`), 'What will be done:', ...gate.plan.map((line) => `  ${line}`)];
  const next = `To approve exactly this: npx pgupgrade approve ${chosen.run} --question=${gate.nonce}`;
  return { text: [gate.question, ...(gate.because ? [`Asked again: ${gate.because}`] : []), ...lines, next].join('\n') };
}

function ruleOf(chosen: ChosenRun, gate: string) {
  return gateRule(targetOfRun(chosen.service, chosen.header), gate);
}

/** The question that a card, or the flag, says. */
function meant(chosen: ChosenRun, invocation: Invocation): Question | undefined {
  if (invocation.question) return invocation.question;
  const nonce = invocation.flags['question'];
  if (typeof nonce !== 'string') return undefined;
  const open = chosen.state.gate;
  if (open?.nonce !== nonce)
    throw new Refused(
      'gate.stale',
      `${chosen.run} does not ask that any more; see what it asks with \`approve ${chosen.run}\`. Nothing was changed.`,
    );
  return open;
}

function openQuestion(chosen: ChosenRun): Question {
  const open = chosen.state.gate;
  if (!open)
    throw new Refused('gate.not-open', `${chosen.run} asks nothing now; nothing was changed. See \`/pgupgrade status ${chosen.run}\`.`);
  return { gate: open.gate, nonce: open.nonce };
}
