import { Transient } from '../errors.ts';
import { commit, LeaseLost } from './commit.ts';
import type { Execution, Outcome } from './execution.ts';
import { failureOf } from './failure.ts';
import { fold } from './fold.ts';
import type { RunLog } from './ports.ts';
import type { RunbookShape, RunState } from './state.ts';
import { nextToGiveBack } from './status.ts';
import { failUndo } from './undo.ts';
import { openSession } from './view.ts';
import { clock, deadlinePassed, mustGiveBack, sentence } from './writes.ts';

/**
 * Has the deadline passed before the promotion was called? Then the writes are given back, whatever is being executed.
 * Gives how long it still has, in ms, or `undefined` if there is no deadline (any more).
 */
export async function passDeadline(
  request: { readonly log: Pick<RunLog, 'read' | 'append'>; readonly shape: RunbookShape; readonly run: string },
  now: () => number,
): Promise<number | undefined> {
  const { state } = await commit(request, (state) => {
    if (state.deadlineAt === undefined || state.endedAt !== undefined || !mustGiveBack(state) || now() < state.deadlineAt) return undefined;
    return [{ type: 'give-back.begun', reason: deadlinePassed(state, now()) }];
  });
  return state.deadlineAt !== undefined && mustGiveBack(state) ? Math.max(0, state.deadlineAt - now()) : undefined;
}

/**
 * Gives the writes back: undoes the steps inside the write stop, latest first, all in one execution, because every
 * moment of it is an outage. Steps tolerate that half of it was done before.
 * @throws Transient for the job to try again, LeaseLost when another worker took the run over.
 */
export async function giveBack<C>(execution: Execution<C>): Promise<Outcome> {
  let state = fold(await execution.log.read(execution.run), execution.shape);
  if (state.status !== 'giving-back') return { kind: 'stale' };
  let step = nextToGiveBack(state, execution.shape);
  try {
    const may = await execution.mayGiveBack();
    if (may !== 'yes') return await refuse(execution, may.no);
    while (step !== undefined && state.status === 'giving-back') {
      if (execution.signal.aborted) return { kind: 'interrupted' };
      state = await giveBackStep(execution, step, state);
      step = nextToGiveBack(state, execution.shape);
    }
  } catch (error) {
    if (error instanceof LeaseLost) throw error;
    if (execution.signal.aborted) return { kind: 'interrupted' };
    if (error instanceof Transient) throw error;
    return await failUndo(execution, step ?? placed(state, execution.shape, 'within'), failureOf(error));
  }
  await commit(
    execution,
    (now) =>
      now.status === 'giving-back'
        ? [{ type: 'writes.given-back', offForMs: Math.max(0, execution.now() - (now.writesOffSince ?? execution.now())) }]
        : undefined,
    state,
  );
  return { kind: 'advanced' };
}

async function giveBackStep<C>(execution: Execution<C>, id: string, known: RunState): Promise<RunState> {
  const session = await openSession(execution, id, known);
  const undo = execution.steps.get(id)?.undo;
  const act = typeof undo === 'function' ? undo : undo && 'ask' in undo ? undo.undo : undefined;
  await act?.(execution.clients, session.view);
  const kept = undo && typeof undo !== 'function' && 'keep' in undo ? undo.keep : 'nothing of it has to be undone';
  const { state } = await session.commit((now) =>
    now.status === 'giving-back'
      ? [{ type: 'step.undone', step: id, how: act ? 'undone' : 'kept', why: act ? 'the writes are given back' : kept }]
      : undefined,
  );
  return state;
}

/** Google says that the promotion was called: the log has lost that fact. Nothing is opened on the source. */
async function refuse<C>(execution: Execution<C>, no: string): Promise<Outcome> {
  await commit(execution, (state) =>
    state.status === 'giving-back'
      ? [
          { type: 'promotion.called' },
          {
            type: 'step.blocked',
            step: placed(state, execution.shape, 'promotion'),
            code: 'give-back.promoted',
            reason: `The writes were not given back: ${sentence(no)} Writes are OFF since ${clock(state.writesOffSince ?? execution.now())}.`,
            remedy: `Press Retry to go on with ${state.leg.name === 'rollback' ? 'the opening of the old instance' : 'the promotion'}.`,
            fate: 'human',
            undoing: false,
          },
        ]
      : undefined,
  );
  return { kind: 'advanced' };
}

/** The leg's first step at that place of the write stop. */
function placed({ leg }: RunState, shape: RunbookShape, place: 'within' | 'promotion'): string {
  return shape.find((step) => step.leg === leg.name && step.writeStop === place)?.id ?? '';
}
