import type { Service } from '../config/schema.ts';
import { Refused } from '../errors.ts';
import { people } from '../slack/render/text.ts';
import type { CommandContext, Need } from './context.ts';

/** Which roles are enough. An admin may do what an operator may; approving is never implied, or one person could be two. */
const enough: Readonly<Record<Exclude<Need, 'gate'>, readonly (keyof Service['people'])[]>> = {
  anybody: [],
  viewer: ['viewer', 'operator', 'approver', 'tech-lead', 'admin'],
  operator: ['operator', 'admin'],
  approver: ['approver'],
  admin: ['admin'],
};

export async function rolesIn(context: CommandContext, service: Service): Promise<ReadonlySet<string>> {
  return context.directory.roles(context.actor.id, service.people);
}

export function mayDo(roles: ReadonlySet<string>, need: Need): boolean {
  return need === 'anybody' || need === 'gate' || enough[need].some((role) => roles.has(role));
}

/** Who may, as people and groups. */
export function whoMay(need: Need, service: Service): string {
  if (need === 'anybody') return 'anybody';
  if (need === 'gate') return 'whoever the service file names for the question that is open';
  const entries = [...new Set(enough[need].flatMap((role) => service.people[role]))];
  return entries.includes('everyone') ? 'everyone' : people(entries);
}

/** Refuses with who may, and says so when a group could not be read: then nobody is recognised by it. */
export async function demand(context: CommandContext, service: Service, need: Need, what: string): Promise<ReadonlySet<string>> {
  const roles = await rolesIn(context, service);
  if (need === 'gate' || mayDo(roles, need)) return roles;
  throw new Refused('actor.not-allowed', `Only ${whoMay(need, service)} can ${what}; nothing was changed.${doubt(context)}`);
}

/** Why a person who should have a role may not be recognised just now; empty when everything could be read. */
export function doubt(context: CommandContext): string {
  const [first] = context.directory.unreadable?.() ?? [];
  return first ? ` Slack did not tell who is in ${first.group} (${first.why}), so nobody counts as a member for now.` : '';
}
