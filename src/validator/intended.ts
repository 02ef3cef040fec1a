import type { Verdict } from './types.ts';
import { many } from './units.ts';

const mostRoles = 12;
/** The kinds that are no words for people: one, more. */
const words: Readonly<Record<string, readonly [string, string]>> = { analyze: ['table without statistics', 'tables without statistics'] };

/**
 * The differences that the run intends, one line a kind and reason, so that whoever approves sees what is waved through. Of
 * rights it names the roles that lack them on the destination: one that nobody expected there would lose its access.
 */
export function intendedOf({ expected }: Pick<Verdict, 'expected'>): readonly string[] {
  const groups = new Map<
    string,
    { readonly kind: string; readonly reason: string; count: number; readonly lacking: Map<string, number> }
  >();
  for (const { kind, reason, object, destination } of expected) {
    const key = JSON.stringify([kind, reason]);
    const group = groups.get(key) ?? { kind, reason, count: 0, lacking: new Map() };
    groups.set(key, group);
    group.count += 1;
    const role = destination === null ? / to ("(?:[^"]|"")*"|[^ ]+)$/.exec(object)?.[1] : undefined;
    if (role !== undefined) group.lacking.set(role, (group.lacking.get(role) ?? 0) + 1);
  }
  return [...groups.values()].map(({ kind, reason, count, lacking }) => {
    const roles = [...lacking].map(([role, of]) => `${role} ${of}`);
    const shown = roles.length > mostRoles ? [...roles.slice(0, mostRoles), `${roles.length - mostRoles} more roles`] : roles;
    const of = shown.length > 0 ? ` (not on the destination: ${shown.join(', ')})` : '';
    const [one, more] = words[kind] ?? [kind.replaceAll('-', ' '), undefined];
    return `${many(count, one, more)}${of}: ${reason}`;
  });
}
