import type { Draft } from './draft.ts';
import type { RunbookShape, RunState, RunStatus, StepState } from './state.ts';

/** The order matters: what holds the writes comes first, then what people asked for, then what is asked of people. */
export function statusOf(draft: Draft): RunStatus {
  if (draft.header === undefined) return 'nothing';
  if (draft.ended) return draft.ended.as;
  if (draft.problem !== undefined || draft.blocked?.undoing) return 'blocked';
  if (draft.givingBack) return 'giving-back';
  if (draft.undoBegun) return draft.gate ? 'waiting-gate' : 'undoing';
  if (draft.abort) return 'aborting';
  if (draft.takingBack) return draft.gate ? 'waiting-gate' : 'undoing';
  if (draft.pause) return executionMayBeOpen(draft) ? 'pausing' : 'paused';
  if (!draft.due) return 'planned';
  if (draft.blocked) return 'blocked';
  if (draft.gate) return 'waiting-gate';
  return draft.task ? 'waiting-task' : 'running';
}

function executionMayBeOpen(draft: Draft): boolean {
  return draft.due && !draft.pauseSettled && !draft.blocked && !draft.gate && !draft.task;
}

/** What decides the next step: all steps, and the leg that the run is on. */
export type Course = Pick<RunState, 'steps' | 'leg' | 'abort' | 'takingBack'>;

/** The step that is executed, undone, waited for or asked about now. */
export function currentOf(draft: Draft, steps: readonly StepState[], status: RunStatus): string | undefined {
  if (status === 'nothing' || draft.ended) return undefined;
  if (draft.blocked) return draft.blocked.step;
  const course: Course = { steps, leg: draft.leg, abort: draft.abort, takingBack: draft.takingBack };
  if (status === 'giving-back') return nextToGiveBack(course, draft.shape);
  if (status === 'aborting' || status === 'undoing') return nextToUndo(course, draft.shape);
  return draft.gate?.step ?? draft.task?.step ?? nextToExecute(course);
}

export function nextToExecute({ steps, leg }: Course): string | undefined {
  return steps.find((step) => step.leg === leg.name && step.status !== 'done' && step.status !== 'skipped')?.id;
}

/**
 * The latest step that was ever started and is not undone yet, finished or not: a half-done apply has to be undone as
 * well. What the bot found done is not the bot's to undo. Nothing before an irreversible step can be undone. An abort
 * takes its leg back; a rollback that was carried through takes back what the upgrade did before its write stop: what
 * came later was done to the new instance alone, or has been turned round by the rollback itself. A copy that is to begin
 * anew takes back down to where it begins, also what the bot found done: the copy is not to be found begun again.
 */
export function nextToUndo(course: Course, shape: RunbookShape): string | undefined {
  const { steps, takingBack } = course;
  if (takingBack) return steps.slice(steps.findIndex(({ id }) => id === takingBack.to)).findLast(isBegun)?.id;
  const last = undoable(course, shape).findLast((step) => step.attempts > 0);
  return last && shape.find((step) => step.id === last.id)?.irreversible ? undefined : last?.id;
}

function undoable({ steps, leg, abort }: Course, shape: RunbookShape): readonly StepState[] {
  if (leg.name !== 'rollback' || abort) return steps.filter((step) => step.leg === leg.name);
  const upgrade = steps.filter((step) => step.leg === 'upgrade');
  const cutover = upgrade.findIndex((step) => shape.find((one) => one.id === step.id)?.writeStop !== undefined);
  return cutover < 0 ? upgrade : upgrade.slice(0, cutover);
}

/** The latest step inside the leg's write stop that is not undone yet; also what was found done, so that no writer stays shut out. */
export function nextToGiveBack({ steps, leg }: Course, shape: RunbookShape): string | undefined {
  const within = new Set(shape.filter((step) => step.writeStop === 'within' && step.leg === leg.name).map((step) => step.id));
  return steps.findLast((step) => within.has(step.id) && isBegun(step))?.id;
}

/** By the bot, or found so. */
export function isBegun({ attempts, status }: StepState): boolean {
  return attempts > 0 || status === 'started' || status === 'done' || status === 'blocked';
}
