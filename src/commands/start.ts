import { randomInt } from 'node:crypto';
import { targetOf } from '../config/target.ts';
import { fold } from '../engine/fold.ts';
import { idsOf } from '../engine/shape.ts';
import { Refused } from '../errors.ts';
import type { CommandContext, Verb } from './context.ts';
import { demand } from './roles.ts';
import { advance } from './runs.ts';
import { type ChosenEnvironment, chooseEnvironment } from './services.ts';

export const start: Verb = {
  name: 'start',
  usage: 'start <environment> [--to=17]',
  does: 'begins an upgrade: the preflight first, then every step, with a question before each that is felt',
  flags: [{ name: 'to', valued: true }],
  words: 2,
  need: 'operator',
  group: 'Run',
  run: async (context, invocation) => {
    const chosen = chooseEnvironment(context, invocation);
    const { service, environment } = chosen;
    await demand(context, service, 'operator', `start an upgrade of ${environment}`);
    const target = targetOf(service, environment, chosen.to);
    await inOrder(context, chosen, target);
    await writable(
      context,
      service.channel,
      `${service.service} ${environment} goes from PostgreSQL ${target.from} to ${target.to}: the board appears here.`,
    );
    const answer = await context.log.start({
      uid: randomUid(),
      service: service.service,
      environment,
      from: target.from,
      to: target.to,
      by: context.actor.id,
      channel: service.channel,
      steps: idsOf(context.shape, 'upgrade'),
      format: 1,
    });
    if ('heldBy' in answer)
      throw new Refused(
        'environment.held',
        `${answer.heldBy} of ${service.service} ${environment} is not finished. Look at \`/pgupgrade status ${answer.heldBy}\`; abort it, or let it end.`,
      );
    const place = context.channel === service.channel ? 'below' : `in <#${service.channel}>`;
    return {
      text: `${answer.started} is started: ${target.source} → ${target.destination}. Its board is ${place}.${await advance(context, answer.started)}`,
    };
  },
};

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** Lower case letters and digits, beginning with a letter: it becomes a part of names in Google and Postgres. */
function randomUid(): string {
  return Array.from({ length: 8 }, (_, at) => alphabet[randomInt(at === 0 ? 26 : alphabet.length)]).join('');
}

/** The environment that comes before must have finished the same upgrade. */
async function inOrder(
  context: CommandContext,
  chosen: ChosenEnvironment,
  target: { readonly from: number; readonly to: number },
): Promise<void> {
  const { service, environment } = chosen;
  const before = service.environments[environment]?.after;
  if (before === undefined) return;
  const runs = await context.log.runs();
  for (const { run } of runs.filter((one) => one.service === service.service && one.environment === before && !one.active)) {
    const state = fold(await context.log.read(run), context.shape);
    if ((state.status === 'finished' || state.status === 'retired') && state.header?.from === target.from && state.header.to === target.to)
      return;
  }
  const open = runs.find((one) => one.service === service.service && one.environment === before && one.active);
  throw new Refused(
    'environment.order',
    `${environment} comes after ${before}, which has not finished ${target.from} → ${target.to} yet${open ? ` (${open.run} is under way)` : ''}. ${open ? 'Let it end first' : `Start with \`/pgupgrade start ${before}\``}; nothing was begun.`,
  );
}

async function writable(context: CommandContext, channel: string, text: string): Promise<void> {
  if (context.actor.via !== 'slack') return;
  const problem = await context.channelProblem?.(channel, text);
  if (problem !== undefined) throw new Refused('channel.closed', problem);
}
