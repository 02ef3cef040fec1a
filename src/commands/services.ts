import type { Service } from '../config/schema.ts';
import { Refused } from '../errors.ts';
import type { CommandContext } from './context.ts';
import { type Invocation, nearest } from './parse.ts';

export interface ChosenEnvironment {
  readonly service: Service;
  readonly environment: string;
  /** The version that was asked for; absent: the service file's. */
  readonly to: number | undefined;
  /** What was typed behind it. */
  readonly rest: readonly string[];
}

/** `staging`, `inapp/staging` or `inapp staging`, `--to=17`. Nothing is guessed: an environment is always named. */
export function chooseEnvironment(context: CommandContext, invocation: Invocation): ChosenEnvironment {
  const [first = '', second] = invocation.words;
  const [left = '', right] = first.includes('/') ? first.split('/') : [first, undefined];
  const named = right !== undefined ? left : second !== undefined && context.services.has(left) ? left : undefined;
  const environment = right ?? (named === undefined ? left : (second ?? ''));
  const service = named === undefined ? onlyService(context, environment) : context.services.get(named);
  if (!service)
    throw new Refused('service.unknown', `There is no service "${named ?? ''}"; there is ${[...context.services.keys()].join(', ')}.`);
  const known = Object.keys(service.environments);
  if (environment === '') throw new Refused('environment.missing', `Which environment? ${service.service} has ${known.join(', ')}.`);
  if (!known.includes(environment)) {
    const meant = nearest(environment, known);
    throw new Refused(
      'environment.unknown',
      `${service.service} has no environment "${environment}"${meant ? `; did you mean \`${meant}\`? Nothing was changed; type that.` : `; nothing was changed: name one of ${known.join(', ')}.`}`,
    );
  }
  const taken = right === undefined && named !== undefined ? 2 : 1;
  return { service, environment, to: version(invocation.flags['to']), rest: invocation.words.slice(taken) };
}

function onlyService(context: CommandContext, environment: string): Service {
  const here = [...context.services.values()].filter((service) => context.channel === undefined || service.channel === context.channel);
  const [only, second] = here.length ? here : [...context.services.values()];
  if (!only) throw new Refused('service.none', 'There is no service file; put one into the services folder.');
  if (second)
    throw new Refused(
      'service.which',
      `Which service? Write it before the environment, for instance \`${only.service}/${environment || 'staging'}\`.`,
    );
  return only;
}

function version(flag: string | true | undefined): number | undefined {
  if (flag === undefined) return undefined;
  const number = typeof flag === 'string' && /^\d{2}$/.test(flag) ? Number(flag) : undefined;
  if (number === undefined) throw new Refused('version.unreadable', 'Write the major version as a number, for instance `--to=17`.');
  return number;
}
