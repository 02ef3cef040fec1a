import type { RunState } from './state.ts';

/** `12:04:31 UTC` */
export function clock(at: number): string {
  return `${new Date(at).toISOString().slice(11, 19)} UTC`;
}

/** The state that writes are in: every failure ends with it. */
export function writesSentence(state: Pick<RunState, 'writesOffSince'>): string {
  return state.writesOffSince === undefined ? 'Writes are on.' : `Writes are OFF since ${clock(state.writesOffSince)}.`;
}

/** A sentence with its full stop, once. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

/** Are the writes off and may they still be given back without asking anybody? */
export function mustGiveBack(state: Pick<RunState, 'writesOffSince' | 'promotionCalled' | 'givingBack' | 'leg'>): boolean {
  return state.writesOffSince !== undefined && !state.promotionCalled && state.givingBack === undefined && !state.leg.writesWereOff;
}

/** After this nothing is given back automatically: `the promotion was called`. */
export function pointOfNoReturn({ leg }: Pick<RunState, 'leg'>): string {
  return leg.name === 'rollback' ? 'the old instance was opened' : 'the promotion was called';
}

/** Why the writes are given back when nobody was quick enough, and what was under way then. */
export function deadlinePassed(state: Pick<RunState, 'leg' | 'deadlineAt' | 'current'>, now: number): string {
  const under = state.current === undefined ? '' : ` (${state.current} was under way)`;
  return `the deadline passed at ${clock(state.deadlineAt ?? now)}, before ${pointOfNoReturn(state)}${under}`;
}
