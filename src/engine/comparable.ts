import type { RunState } from './state.ts';

/** Why the two instances of a run cannot be compared on demand just now; `undefined`: they can. */
export function whyNotComparable(state: RunState): string | undefined {
  const run = state.header?.run ?? 'The run';
  if (state.promotionCalled || state.status === 'finished' || state.leg.name !== 'upgrade')
    return `${run} is promoted: the new instance goes its own way, so a difference would prove nothing.`;
  if (state.endedAt !== undefined) return `${run} has ended: nothing carries the changes to the destination any more.`;
  if (state.writesOffSince !== undefined)
    return `The writes of ${run} are off: it compares both sides itself before it promotes, and nothing may slow that down. Ask again when they are on.`;
  return undefined;
}
