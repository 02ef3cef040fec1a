import { Refused } from '../errors.ts';
import { renderSteps } from '../slack/render/steps.ts';
import { safe } from '../slack/render/text.ts';
import type { Verb } from './context.ts';
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
    if (!face) throw new Refused('environment.unknown', `The service file has no environment ${chosen.header.environment} any more.`);
    const { state, facts } = chosen;
    return renderSteps({ state, facts, shape: context.shape, face, progress: await context.log.progress(chosen.run), now: context.now() });
  },
};

export const list: Verb = {
  name: 'list',
  usage: 'list',
  words: 0,
  does: 'the runs, newest first',
  need: 'anybody',
  group: 'Look',
  run: async (context) => {
    const runs = await context.log.runs();
    const lines = runs
      .slice(0, 20)
      .map((one) => `• ${safe(`${one.run} · ${one.service} ${one.environment}`)} · ${one.active ? 'unfinished' : 'ended'}`);
    return { text: lines.length ? lines.join('\n') : 'There is no run yet. Begin with `/pgupgrade plan <environment>`.' };
  },
};
