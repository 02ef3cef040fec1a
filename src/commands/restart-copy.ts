import { restartCopy as decide } from '../engine/moves.ts';
import type { RunbookShape, RunState } from '../engine/state.ts';
import { mustGiveBack } from '../engine/writes.ts';
import { Refused } from '../errors.ts';
import { renderRestartCopy } from '../slack/render/modals.ts';
import { duration, mentions } from '../slack/render/text.ts';
import type { CommandContext, Verb } from './context.ts';
import { demand } from './roles.ts';
import { type ChosenRun, change, chooseRun } from './runs.ts';

export const restartCopy: Verb = {
  name: 'restart-copy',
  usage: 'restart-copy [run] "why"',
  does: 'empties the destination and copies everything anew, with the schema as it is now; what came before the copy stays; refused once the promotion was called',
  need: 'operator',
  group: 'Emergency',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    await demand(context, chosen.service, 'operator', 'restart a copy');
    const decideOn = (state: RunState, reason: string) => decide(state, context.shape, context.actor.id, reason);
    const reason = chosen.rest.join(' ');
    if (reason.trim() !== '') return change(context, chosen.run, (state) => decideOn(state, reason));
    const would = decideOn(chosen.state, 'a reason');
    if (would.kind === 'refused') throw new Refused(would.code, mentions(would.message));
    return show(context, chosen);
  },
};

/** Nobody throws a copy away unseen: what is lost is said first. In a terminal the second call says why. */
function show(context: CommandContext, { run, state, header }: ChosenRun) {
  const lost = whatIsLost(state, context.shape, context.now());
  if (context.actor.via === 'slack') return { modal: renderRestartCopy({ run, lost, channel: context.channel ?? header.channel }) };
  return { text: [...lost, `To restart it: npx pgupgrade restart-copy ${run} "why"`].join('\n') };
}

function whatIsLost(state: RunState, shape: RunbookShape, now: number): readonly string[] {
  const first = state.steps.findIndex(({ id }) => shape.some((step) => step.id === id && step.copy === 'begins'));
  const [hold, ...copy] = state.steps.slice(first);
  const began = (copy.find(({ startedAt }) => startedAt !== undefined) ?? hold)?.startedAt ?? now;
  const writes = mustGiveBack(state) ? 'The writes are given back first, then they stay on.' : 'Writes stay on.';
  return [
    `Lost: what was copied in ${duration(now - began)}. The destination is emptied, and everything is copied, compared and asked anew.`,
    `Kept: the new instance with its users, and what was done on the source. ${writes} Until the copy begins anew, schema changes are let through.`,
  ];
}
