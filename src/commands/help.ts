import type { Service } from '../config/schema.ts';
import { gateRule } from '../config/target.ts';
import type { CommandContext, Need, Verb } from './context.ts';
import { mayDo, rolesIn, whoMay } from './roles.ts';

const groups = ['Look', 'Run', 'Decide', 'Emergency'] as const;

/** The verbs by group, one line each: the text of the help, of the terminal's help and of the README's table. */
export function helpLines(verbs: readonly Verb[], prefix: string): readonly string[] {
  return groups.flatMap((group) => {
    const lines = verbs.filter((verb) => verb.group === group).map((verb) => `\`${prefix}${verb.usage}\`  ${verb.does}`);
    return lines.length ? [`*${group}*`, ...lines] : [];
  });
}

export async function helpFor(context: CommandContext, verbs: readonly Verb[]): Promise<readonly string[]> {
  const services = [...context.services.values()];
  const allowed = await Promise.all(
    services.map(async (service) => {
      const roles = await rolesIn(context, service);
      return (need: Need) => (need === 'gate' ? deciders(service).some((role) => roles.has(role)) : mayDo(roles, need));
    }),
  );
  const mine = verbs.filter((verb) => allowed.some((may) => may(verb.need)));
  const open = (await context.log.runs()).filter((run) => run.active);
  const prefix = context.actor.via === 'terminal' ? 'npx pgupgrade ' : '/pgupgrade ';
  const active = open.length ? [`Unfinished: ${open.map((run) => `${run.run} (${run.service} ${run.environment})`).join(', ')}`] : [];
  const left = verbs.length - mine.length;
  return [...helpLines(mine, prefix), ...active, ...(left > 0 ? [`_${left} more for other roles; \`${prefix}whoami\` says yours._`] : [])];
}

/** The roles that decide some question of some environment. */
function deciders(service: Service): readonly string[] {
  return Object.values(service.environments).flatMap(({ gates, requesterMayApprove }) => {
    const named = Object.entries(gates).map(([gate, rule]) => [gate, { ...rule, requesterMayApprove }] as const);
    const target = { gates: Object.fromEntries(named), requesterMayApprove };
    return [...Object.keys(gates), 'create-destination', 'any other'].map((gate) => gateRule(target, gate).role);
  });
}

/** One verb: how it is written, what it does and who may, by service. */
export function helpOf(verb: Verb, context: CommandContext): string {
  const prefix = context.actor.via === 'terminal' ? 'npx pgupgrade ' : '/pgupgrade ';
  const services = [...context.services.values()];
  const may = services.map((service) => `• ${service.service}: ${whoMay(verb.need, service)}`);
  return [`\`${prefix}${verb.usage}\`  ${verb.does}`, ...may].join('\n');
}
