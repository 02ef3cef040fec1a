import { type Decision, refused } from './approvals.ts';
import { abort, passed } from './moves.ts';
import { idsOf } from './shape.ts';
import type { RunbookShape, RunState } from './state.ts';

/**
 * Back to the old instance. Before the promotion is called that is the abort; afterwards a leg of its own, which returns
 * to the source while nothing is written on the new instance yet, and else brings what was written there along.
 */
export function rollback(state: RunState, shape: RunbookShape, by: string, reason: string): Decision {
  const run = state.header?.run;
  if (run === undefined) return refused('run.unknown', 'There is no such run.');
  if (state.leg.name === 'rollback')
    return refused('rollback.under-way', `${run} ${state.status === 'rolled-back' ? 'has been' : 'is being'} rolled back already.`);
  if (state.status === 'aborted')
    return refused('run.ended', `${run} was aborted, so the old instance serves as before; nothing was changed.`);
  if (state.leg.name === 'retire') {
    const gone = passed(state, shape);
    return gone === undefined
      ? refused('run.retiring', `${run} is being retired; abort that first, then roll back.`)
      : refused(
          'rollback.too-late',
          `${run} cannot be rolled back any more: ${gone}, so what was written since is on the new instance alone.`,
        );
  }
  if (!state.promotionCalled) return abort(state, shape, by, reason);
  if (reason.trim() === '') return refused('rollback.reason-missing', `Say why ${run} is rolled back: it stays in the report.`);
  return {
    kind: 'facts',
    facts: [{ type: 'leg.begun', leg: 'rollback', by, reason: reason.trim(), steps: idsOf(shape, 'rollback') }],
    message: `${by} rolls ${run} back: ${reason.trim()}. ${state.writesOffSince === undefined ? 'Nothing is stopped before people approve it.' : 'Writes are OFF until it is decided.'}`,
  };
}

/** The end of the way back, and of the old instance. */
export function retire(state: RunState, shape: RunbookShape, by: string, reason: string): Decision {
  const run = state.header?.run;
  if (run === undefined) return refused('run.unknown', 'There is no such run.');
  if (state.leg.name === 'retire')
    return refused('retire.under-way', `${run} ${state.status === 'retired' ? 'has been' : 'is being'} retired already.`);
  if (state.status !== 'finished')
    return refused('retire.not-finished', `Only a run that has finished can be retired; ${run} is ${state.status}. Nothing was changed.`);
  return {
    kind: 'facts',
    facts: [{ type: 'leg.begun', leg: 'retire', by, reason: reason.trim(), steps: idsOf(shape, 'retire') }],
    message: `${by} retires the old instance of ${run}: the way back is asked about first.`,
  };
}
