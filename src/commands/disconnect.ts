import { disconnect as decide } from '../engine/moves.ts';
import type { RunState } from '../engine/state.ts';
import { Refused } from '../errors.ts';
import { renderDisconnect } from '../slack/render/disconnect.ts';
import { titleOf } from '../slack/render/face.ts';
import { cut, mentions, safe } from '../slack/render/text.ts';
import type { CommandContext, Verb } from './context.ts';
import { demand } from './roles.ts';
import { type ChosenRun, change, chooseRun } from './runs.ts';

export const disconnect: Verb = {
  name: 'disconnect',
  usage: 'disconnect [run] [pid …]',
  does: 'shows the sessions that keep the write stop from beginning, and ends those that you confirm or name; then the step looks again',
  need: 'operator',
  group: 'Run',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation);
    await demand(context, chosen.service, 'operator', 'disconnect sessions');
    const pids = chosen.rest.map(pidOf);
    const decideOn = (state: RunState, named: readonly number[]) => decide(state, context.actor.id, named, invocation.failure);
    if (pids.length > 0) return change(context, chosen.run, (state) => decideOn(state, pids));
    const all = chosen.state.blocked?.sessions.map(({ pid }) => pid) ?? [];
    const would = decideOn(chosen.state, all);
    if (would.kind === 'refused') throw new Refused(would.code, mentions(would.message));
    return show(context, chosen);
  },
};

function pidOf(word: string): number {
  if (/^\d{1,9}$/.test(word)) return Number(word);
  throw new Refused(
    'disconnect.no-pid',
    `“${cut(safe(word), 40)}” is no process id of a session, so nobody was disconnected; \`disconnect\` alone shows who is in the way.`,
  );
}

/** Nobody ends sessions unseen: they are shown first. In a terminal the second call names them. */
function show(context: CommandContext, { run, state, header }: ChosenRun) {
  const { step, at, sessions } = state.blocked ?? { step: '', at: 0, sessions: [] };
  const title = titleOf(context.shape, step);
  if (context.actor.via === 'slack')
    return { modal: renderDisconnect({ run, step, title, failedAt: at, sessions, channel: context.channel ?? header.channel }) };
  return {
    text: [
      `In the way of “${safe(title)}”:`,
      ...sessions.map(({ who }) => `• ${safe(who)}`),
      'What their open transactions have done is lost.',
      `To end exactly these: npx pgupgrade disconnect ${run} ${sessions.map(({ pid }) => pid).join(' ')}`,
    ].join('\n'),
  };
}
