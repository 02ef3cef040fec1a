import { randomInt } from 'node:crypto';
import type { Target } from '../config/schema.ts';
import { targetOf } from '../config/target.ts';
import { fold } from '../engine/fold.ts';
import { idsOf } from '../engine/shape.ts';
import { Refused } from '../errors.ts';
import { section } from '../slack/render/blocks.ts';
import { renderLook } from '../slack/render/look.ts';
import { renderStart } from '../slack/render/modals.ts';
import { time } from '../slack/render/text.ts';
import type { CommandContext, Verb } from './context.ts';
import { lockedSentence } from './lock.ts';
import { readMoment } from './moment.ts';
import { demand } from './roles.ts';
import { advance } from './runs.ts';
import { type ChosenEnvironment, chooseEnvironment } from './services.ts';

export const start: Verb = {
  name: 'start',
  usage: 'start <environment> [--to=17] [--at="22:00 Europe/Vienna"] [--dry-run] [--override="why"]',
  flags: [{ name: 'to', valued: true }, { name: 'at', valued: true }, { name: 'dry-run' }, { name: 'override', valued: true }],
  words: 2,
  does: 'begins an upgrade, or plans its beginning: the preflight first, then every step, with a question before each that is felt',
  need: 'operator',
  group: 'Run',
  run: async (context, invocation) => {
    if (invocation.words.length === 0 && Object.keys(invocation.flags).length === 0 && context.actor.via === 'slack') return form(context);
    const chosen = chooseEnvironment(context, invocation);
    const { service, environment } = chosen;
    await demand(context, service, 'operator', `start an upgrade of ${environment}`);
    const target = targetOf(service, environment, chosen.to);
    const { at: when, override } = invocation.flags;
    const notBefore = typeof when === 'string' ? readMoment(when, context.now(), service.timeZone) : undefined;
    if (invocation.flags['dry-run']) return dryRun(context, chosen, target, override);
    const withoutBefore = await inOrder(context, chosen, target, override);
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
      ...(withoutBefore === undefined ? {} : { withoutBefore }),
      ...(notBefore === undefined ? {} : { notBefore }),
    });
    if (!('started' in answer)) throw obstacle(chosen, answer);
    const place = context.channel === service.channel ? 'below' : `in <#${service.channel}>`;
    const begins =
      notBefore === undefined
        ? 'is started'
        : `starts ${time(notBefore, '{date_short_pretty} {time}')} by itself (\`/pgupgrade abort ${answer.started} "why"\` calls it off)`;
    return {
      text: `${answer.started} ${begins}: ${target.source} → ${target.destination}. Its board is ${place}.${await advance(context, answer.started)}`,
    };
  },
};

type Obstacle = Exclude<Awaited<ReturnType<CommandContext['log']['start']>>, { readonly started: string }>;

function obstacle({ service, environment }: ChosenEnvironment, found: Obstacle): Refused {
  if ('locked' in found) return new Refused('environment.locked', lockedSentence({ service: service.service, environment }, found.locked));
  return new Refused(
    'environment.held',
    `${found.heldBy} of ${service.service} ${environment} is not finished. Look at \`/pgupgrade status ${found.heldBy}\`; abort it, or let it end.`,
  );
}

/** The form that `start` alone opens: the environments of this channel that the person may start. */
async function form(context: CommandContext) {
  const services = [...context.services.values()].filter((service) => service.channel === context.channel);
  const [first] = services;
  if (!first)
    throw new Refused('service.none', 'No service file names this channel; start from the channel that one names. Nothing was begun.');
  await demand(context, first, 'operator', 'start an upgrade');
  const places = services.flatMap((service) => Object.keys(service.environments).map((environment) => `${service.service}/${environment}`));
  return { modal: renderStart(places, first.channel) };
}

/** What every step would do, and what would refuse a real start now. */
async function dryRun(context: CommandContext, chosen: ChosenEnvironment, target: Target, override: string | true | undefined) {
  const { service, environment } = chosen;
  const place = { service: service.service, environment };
  const problems: string[] = [];
  const held = (await context.log.runs()).find((one) => one.active && one.service === place.service && one.environment === environment);
  if (held) problems.push(obstacle(chosen, { heldBy: held.run }).message);
  const locked = (await context.log.locks()).get(`${place.service}/${environment}`);
  if (locked) problems.push(lockedSentence(place, locked));
  await inOrder(context, chosen, target, override).catch((error: unknown) => {
    if (!(error instanceof Refused)) throw error;
    problems.push(error.message);
  });
  const answer = await context.dispatcher.look({ kind: 'plan', ...place, to: target.to });
  const plan = renderLook(`Dry run of ${place.service} ${environment}, PostgreSQL ${target.from} → ${target.to}`, answer);
  if (problems.length === 0) return plan;
  const blocks = [
    ...plan.blocks.slice(0, 1),
    section(...problems.map((problem) => `⛔ A start would be refused: ${problem}`)),
    ...plan.blocks.slice(1),
  ];
  return { text: `${plan.text} A start would be refused: ${problems.join(' ')}`, blocks };
}

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
/** Lower case letters and digits, beginning with a letter: it becomes a part of names in Google and Postgres. */
function randomUid(): string {
  return Array.from({ length: 8 }, (_, at) => alphabet[randomInt(at === 0 ? 26 : alphabet.length)]).join('');
}

/**
 * The environment that comes before must have finished the same upgrade; an admin may go on without it, with a reason
 * that stays in the report. Gives that reason where it was needed.
 */
async function inOrder(
  context: CommandContext,
  chosen: ChosenEnvironment,
  target: { readonly from: number; readonly to: number },
  override: string | true | undefined,
): Promise<string | undefined> {
  const { service, environment } = chosen;
  const before = service.environments[environment]?.after;
  if (before === undefined) return undefined;
  const runs = await context.log.runs();
  for (const { run } of runs.filter((one) => one.service === service.service && one.environment === before && !one.active)) {
    const state = fold(await context.log.read(run), context.shape);
    if ((state.status === 'finished' || state.status === 'retired') && state.header?.from === target.from && state.header.to === target.to)
      return undefined;
  }
  if (typeof override === 'string' && override.trim() !== '') {
    await demand(context, service, 'admin', `start ${environment} before ${before} has finished`);
    return override.trim();
  }
  const open = runs.find((one) => one.service === service.service && one.environment === before && one.active);
  throw new Refused(
    'environment.order',
    `${environment} comes after ${before}, which has not finished ${target.from} → ${target.to} yet${open ? ` (${open.run} is under way)` : ''}. ${open ? 'Let it end first' : `Start with \`/pgupgrade start ${before}\``}, or have an admin add \`--override="why"\`; nothing was begun.`,
  );
}

async function writable(context: CommandContext, channel: string, text: string): Promise<void> {
  if (context.actor.via !== 'slack') return;
  const problem = await context.channelProblem?.(channel, text);
  if (problem !== undefined) throw new Refused('channel.closed', problem);
}
