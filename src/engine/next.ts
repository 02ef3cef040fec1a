import type { FactBody } from './facts.ts';
import type { Next, RunbookShape, RunState } from './state.ts';
import { nextToExecute, nextToUndo } from './status.ts';

/** What the run owes now. Pure: two workers that read the same log decide the same. */
export function next(state: RunState, shape: RunbookShape): Next {
  switch (state.status) {
    case 'nothing':
    case 'finished':
    case 'aborted':
    case 'rolled-back':
    case 'retired':
      return { do: 'nothing' };
    case 'blocked':
      return { do: 'await-human', step: state.blocked?.step ?? '' };
    case 'giving-back':
      return { do: 'give-back', reason: state.givingBack?.reason ?? '' };
    case 'aborting':
    case 'undoing': {
      const step = nextToUndo(state, shape);
      return step === undefined ? { do: 'end', as: undoneAs(state) } : { do: 'undo', step };
    }
    case 'planned':
      return { do: 'await-due' };
    case 'pausing':
    case 'paused':
      return { do: 'await-resume' };
    case 'waiting-gate':
      return { do: 'await-gate', gate: state.gate?.gate ?? '' };
    case 'waiting-task':
      return { do: 'await-task', step: state.task?.step ?? '' };
    case 'running': {
      const step = nextToExecute(state);
      return step === undefined ? { do: 'end', as: state.leg.name === 'retire' ? 'run.retired' : 'run.finished' } : { do: 'execute', step };
    }
    default:
      return state.status satisfies never;
  }
}

function undoneAs({ leg, abort, takingBack }: RunState): Extract<Next, { readonly do: 'end' }>['as'] {
  if (takingBack) return 'copy.taken-back';
  if (leg.name === 'upgrade') return 'run.aborted';
  return abort ? 'leg.abandoned' : 'run.rolled-back';
}

/** The fact with which the run, its leg, or the way back to the beginning of its copy ends. */
export function endFact(state: RunState, move: Extract<Next, { readonly do: 'end' }>): FactBody {
  return move.as === 'leg.abandoned' ? { type: move.as, leg: state.leg.name, releases: state.leg.reopened } : { type: move.as };
}
