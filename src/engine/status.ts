import type { Draft } from './draft.ts';
import type { RunbookShape, RunStatus, StepState } from './state.ts';

/** The order matters: what holds the writes comes first, then what people asked for, then what is asked of people. */
export function statusOf(draft: Draft): RunStatus {
  if (draft.header === undefined) return 'nothing';
  if (draft.ended) return draft.ended.as;
  if (draft.problem !== undefined || draft.blocked?.undoing) return 'blocked';
  if (draft.givingBack) return 'giving-back';
  if (draft.undoBegun) return draft.gate ? 'waiting-gate' : 'undoing';
  if (draft.abort) return 'aborting';
  if (draft.pause) return executionMayBeOpen(draft) ? 'pausing' : 'paused';
  if (draft.blocked) return 'blocked';
  if (draft.gate) return 'waiting-gate';
  return draft.task ? 'waiting-task' : 'running';
}

function executionMayBeOpen(draft: Draft): boolean {
  return !draft.pauseSettled && !draft.blocked && !draft.gate && !draft.task;
}

/** The step that is executed, undone, waited for or asked about now. */
export function currentOf(draft: Draft, steps: readonly StepState[], status: RunStatus): string | undefined {
  if (status === 'nothing' || status === 'finished' || status === 'aborted') return undefined;
  if (draft.blocked) return draft.blocked.step;
  if (status === 'giving-back') return nextToGiveBack(steps, draft.shape);
  if (status === 'aborting' || status === 'undoing') return nextToUndo(steps, draft.shape);
  return draft.gate?.step ?? draft.task?.step ?? nextToExecute(steps);
}

export function nextToExecute(steps: readonly StepState[]): string | undefined {
  return steps.find((step) => step.status !== 'done' && step.status !== 'skipped')?.id;
}

/**
 * The latest step that was ever started and is not undone yet, finished or not: a half-done apply has to be undone as
 * well. What the bot found done is not the bot's to undo. Nothing before an irreversible step can be undone.
 */
export function nextToUndo(steps: readonly StepState[], shape: RunbookShape): string | undefined {
  const last = steps.findLast((step) => step.attempts > 0);
  return last && shape.find((step) => step.id === last.id)?.irreversible ? undefined : last?.id;
}

/** The latest step inside the write stop that is not undone yet; also what was found done, so that no writer stays shut out. */
export function nextToGiveBack(steps: readonly StepState[], shape: RunbookShape): string | undefined {
  const within = new Set(shape.filter((step) => step.writeStop === 'within').map((step) => step.id));
  return steps.findLast(
    (step) =>
      within.has(step.id) && (step.attempts > 0 || step.status === 'started' || step.status === 'done' || step.status === 'blocked'),
  )?.id;
}
