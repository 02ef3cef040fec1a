import { sqlState } from '../../postgres/errors.ts';
import type { Side } from '../../postgres/types.ts';
import { shownName } from '../names.ts';
import type { NotCompared } from '../types.ts';

export function obstacle(database: string, object: string, reason: string): NotCompared {
  return { database, object, reason, obstacle: true };
}

/** What each server said about an object: that it cannot be read, and why. */
interface Hindered {
  readonly schema: string;
  readonly name: string;
  readonly hindrance: string | null;
}

/** Objects that cannot be read on either side: a missing right must not make one vanish from the comparison. */
export function obstacles(database: string, found: Readonly<Record<Side, readonly Hindered[]>>): NotCompared[] {
  const reasons = new Map<string, string[]>();
  for (const side of ['source', 'destination'] as const)
    for (const { schema, name, hindrance } of found[side]) {
      const shown = shownName(schema, name);
      if (hindrance !== null) reasons.set(shown, [...(reasons.get(shown) ?? []), `on the ${side} ${hindrance}`]);
    }
  return [...reasons].map(([object, each]) => obstacle(database, object, `${each.join('; ')}.`));
}

/**
 * Why one table could not be read, where the error is the table's (a right, damage, a lock, a value that is too long). Errors of the
 * session or of the server end the comparison: they are thrown.
 */
export function reasonOf(error: unknown): string {
  const state = sqlState(error);
  if (state === undefined || /^(08|53|57P|25)/.test(state) || !(error instanceof Error)) throw error;
  return error.message;
}
