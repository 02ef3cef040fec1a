import type { Next, RunbookShape, RunState } from './state.ts';
import { nextToExecute, nextToUndo } from './status.ts';

/** What the run owes now. Pure: two workers that read the same log decide the same. */
export function next(state: RunState, shape: RunbookShape): Next {
  switch (state.status) {
    case 'nothing':
    case 'finished':
    case 'aborted':
      return { do: 'nothing' };
    case 'blocked':
      return { do: 'await-human', step: state.blocked?.step ?? '' };
    case 'giving-back':
      return { do: 'give-back', reason: state.givingBack?.reason ?? '' };
    case 'aborting':
    case 'undoing': {
      const step = nextToUndo(state.steps, shape);
      return step === undefined ? { do: 'end', as: 'run.aborted' } : { do: 'undo', step };
    }
    case 'pausing':
    case 'paused':
      return { do: 'await-resume' };
    case 'waiting-gate':
      return { do: 'await-gate', gate: state.gate?.gate ?? '' };
    case 'waiting-task':
      return { do: 'await-task', step: state.task?.step ?? '' };
    case 'running': {
      const step = nextToExecute(state.steps);
      return step === undefined ? { do: 'end', as: 'run.finished' } : { do: 'execute', step };
    }
    default:
      return state.status satisfies never;
  }
}
