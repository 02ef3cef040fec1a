import type { RunState } from './state.ts';

/** Is there a way back to look after? From the end of the step that arms it until it is gone or lost, taken or taken down, also when the run has ended. */
export function wayBackIsArmed(state: RunState, armedBy: string): boolean {
  if (state.wayBack.lost !== undefined || ['aborted', 'rolled-back', 'retired'].includes(state.status)) return false;
  const { name } = state.leg;
  // A retirement takes it down; so does a rollback once the old instance is the one that is written to.
  if (name === 'retire' || (name === 'rollback' && state.promotionCalled)) return false;
  return state.steps.find(({ id }) => id === armedBy)?.status === 'done';
}
