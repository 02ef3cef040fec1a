import { Refused } from '../errors.ts';
import { cut, safe, time, who } from '../slack/render/text.ts';
import type { CommandContext, Verb } from './context.ts';
import { demand } from './roles.ts';
import { chooseEnvironment } from './services.ts';

export const lock: Verb = {
  name: 'lock',
  usage: 'lock <environment> "why"',
  does: 'no run may start there until it is unlocked; a run that is under way goes on',
  need: 'operator',
  group: 'Run',
  run: async (context, invocation) => {
    const { service, environment, rest } = chooseEnvironment(context, invocation);
    await demand(context, service, 'operator', `lock ${environment}`);
    const reason = rest.join(' ').trim();
    if (reason === '')
      throw new Refused(
        'lock.reason-missing',
        `Say why: \`/pgupgrade lock ${environment} "why"\`; the others have to know. Nothing was changed.`,
      );
    const place = { service: service.service, environment };
    const { mine, lock: held } = await context.log.lock(place, { by: context.actor.id, reason: cut(reason, 500) });
    if (!mine) throw new Refused('environment.locked', lockedSentence(place, held));
    return {
      text: `🔐 ${who(context.actor.id)} locked ${placeName(place)}: no run starts there. ${safe(cut(reason, 500))}`,
      everybody: true,
    };
  },
};

export const unlock: Verb = {
  name: 'unlock',
  usage: 'unlock <environment>',
  words: 2,
  does: 'runs may start there again',
  need: 'operator',
  group: 'Run',
  run: async (context, invocation) => {
    const { service, environment } = chooseEnvironment(context, invocation);
    await demand(context, service, 'operator', `unlock ${environment}`);
    const place = { service: service.service, environment };
    const held = await context.log.unlock(place);
    if (!held) throw new Refused('environment.not-locked', `${placeName(place)} is not locked; nothing was changed.`);
    return {
      text: `🔓 ${who(context.actor.id)} unlocked ${placeName(place)}, which ${who(held.by)} had locked: ${safe(held.reason)}`,
      everybody: true,
    };
  },
};

type Place = Parameters<CommandContext['log']['unlock']>[0];
type Lock = NonNullable<Awaited<ReturnType<CommandContext['log']['unlock']>>>;

function placeName({ service, environment }: Place): string {
  return safe(`${service} ${environment}`);
}

/** Cause, owner and the way out. */
export function lockedSentence(place: Place, held: Lock): string {
  return `${placeName(place)} is locked by ${who(held.by)} since ${time(held.at, '{date_short_pretty} {time}')}: ${safe(held.reason)}. Ask them, or \`/pgupgrade unlock ${safe(place.environment)}\`; nothing was begun.`;
}
