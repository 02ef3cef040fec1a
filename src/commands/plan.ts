import { renderLook } from '../slack/render/look.ts';
import type { Verb } from './context.ts';
import { demand } from './roles.ts';
import { chooseEnvironment } from './services.ts';

export const plan: Verb = {
  name: 'plan',
  usage: 'plan <environment> [--to=17]',
  does: 'looks and changes nothing: what every step would do, word for word',
  flags: [{ name: 'to', valued: true }],
  words: 2,
  need: 'viewer',
  group: 'Look',
  run: (context, invocation) => look('plan', context, invocation),
};

export const preflight: Verb = {
  name: 'preflight',
  usage: 'preflight <environment> [--to=17]',
  does: 'looks and changes nothing: what would make the upgrade fail or lose data',
  flags: [{ name: 'to', valued: true }],
  words: 2,
  need: 'viewer',
  group: 'Look',
  run: (context, invocation) => look('preflight', context, invocation),
};

async function look(kind: 'plan' | 'preflight', ...[context, invocation]: Parameters<Verb['run']>) {
  const { service, environment, to } = chooseEnvironment(context, invocation);
  await demand(context, service, 'viewer', 'look at it');
  const answer = await context.dispatcher.look({ kind, service: service.service, environment, ...(to === undefined ? {} : { to }) });
  return renderLook(`${kind === 'plan' ? 'Plan' : 'Preflight'} of ${service.service} ${environment}`, answer);
}
