import type { Service } from '../config/schema.ts';
import { renderLook } from '../slack/render/look.ts';
import { forecastOf } from '../slack/report/figures.ts';
import { findRehearsal } from '../slack/report/rehearsal.ts';
import type { CommandContext, Verb } from './context.ts';
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

/** What the switch will cost, by the newest finished run of the same upgrade. */
async function forecast(
  { log, shape }: CommandContext,
  service: Service,
  environment: string,
  to = service.targetVersion,
): Promise<readonly string[]> {
  const from = service.environments[environment]?.currentVersion ?? service.currentVersion;
  const text = forecastOf(await findRehearsal(log, shape, { run: '', service: service.service, from, to }));
  return [
    text === undefined
      ? 'No upgrade of these versions has finished yet: how long writes will be off is said on the go/no-go card.'
      : `The switch: ${text}.`,
  ];
}

async function look(kind: 'plan' | 'preflight', ...[context, invocation]: Parameters<Verb['run']>) {
  const { service, environment, to } = chooseEnvironment(context, invocation);
  await demand(context, service, 'viewer', 'look at it');
  const answer = await context.dispatcher.look({ kind, service: service.service, environment, ...(to === undefined ? {} : { to }) });
  const expected = kind === 'plan' ? await forecast(context, service, environment, to) : [];
  return renderLook(`${kind === 'plan' ? 'Plan' : 'Preflight'} of ${service.service} ${environment}`, answer, expected);
}
