import { fold } from '../engine/fold.ts';
import { Refused } from '../errors.ts';
import { statusWords } from '../slack/render/status.ts';
import { renderSteps } from '../slack/render/steps.ts';
import { safe, time, who } from '../slack/render/text.ts';
import { renderTrouble } from '../slack/trouble.ts';
import type { CommandContext, Verb } from './context.ts';
import { runFace } from './face.ts';
import { demand } from './roles.ts';
import { chooseRun } from './runs.ts';

export const status: Verb = {
  name: 'status',
  usage: 'status [run]',
  words: 1,
  does: 'where a run stands, step by step',
  need: 'viewer',
  group: 'Look',
  run: async (context, invocation) => {
    const chosen = await chooseRun(context, invocation, { ended: true });
    await demand(context, chosen.service, 'viewer', 'look at it');
    const face = runFace(context.services, chosen.header);
    if (!face)
      throw new Refused(
        'environment.unknown',
        `The service file has no environment ${chosen.header.environment} any more; put it back, then ask again.`,
      );
    const { state, facts } = chosen;
    const [progress, trouble] = await Promise.all([context.log.progress(chosen.run), context.channelTrouble?.(chosen.run)]);
    return renderSteps(
      { state, facts, shape: context.shape, face, progress, now: context.now() },
      trouble && renderTrouble(trouble, chosen.header.channel, chosen.run),
    );
  },
};

export const list: Verb = {
  name: 'list',
  usage: 'list',
  words: 0,
  does: 'the runs, newest first, and what is locked',
  need: 'anybody',
  group: 'Look',
  run: async (context) => {
    const runs = (await context.log.runs()).slice(0, 20);
    const lines = await Promise.all(runs.map((one) => line(context, one)));
    const locks = [...(await context.log.locks())].map(
      ([place, held]) =>
        `🔐 ${safe(place)} is locked by ${who(held.by)} since ${time(held.at, '{date_short_pretty} {time}')}: ${safe(held.reason)}`,
    );
    const nothing = lines.length ? [] : ['There is no run yet. Begin with `/pgupgrade plan <environment>`.'];
    return { text: [...lines, ...nothing, ...locks].join('\n') };
  },
};

async function line(context: CommandContext, one: Awaited<ReturnType<CommandContext['log']['runs']>>[number]): Promise<string> {
  const named = `• ${safe(`${one.run} · ${one.service} ${one.environment}`)}`;
  if (!one.active) return `${named} · ended`;
  const state = fold(await context.log.read(one.run), context.shape);
  const face = state.header && runFace(context.services, state.header);
  return `${named} · ${face ? statusWords({ state, shape: context.shape, face }) : 'unfinished'}`;
}
