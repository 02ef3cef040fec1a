import type { CommandContext, Verb } from './context.ts';
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
  const roles = await Promise.all(services.map((service) => rolesIn(context, service)));
  const mine = verbs.filter((verb) => roles.some((one) => mayDo(one, verb.need)));
  const open = (await context.log.runs()).filter((run) => run.active);
  const prefix = context.actor.via === 'terminal' ? 'npx pgupgrade ' : '/pgupgrade ';
  const active = open.length ? [`Unfinished: ${open.map((run) => `${run.run} (${run.service} ${run.environment})`).join(', ')}`] : [];
  const left = verbs.length - mine.length;
  return [...helpLines(mine, prefix), ...active, ...(left > 0 ? [`_${left} more for other roles; \`${prefix}whoami\` says yours._`] : [])];
}

/** One verb: how it is written, what it does and who may, by service. */
export function helpOf(verb: Verb, context: CommandContext): string {
  const prefix = context.actor.via === 'terminal' ? 'npx pgupgrade ' : '/pgupgrade ';
  const services = [...context.services.values()];
  const may = services.map((service) => `• ${service.service}: ${whoMay(verb.need, service)}`);
  return [`\`${prefix}${verb.usage}\`  ${verb.does}`, ...may].join('\n');
}
