import { Fatal, Transient } from '../errors.ts';
import { LeaseLost } from './commit.ts';
import type { Execution, Outcome, Ownership } from './execution.ts';
import type { FactBody } from './facts.ts';
import { type Failure, failureFacts, failureOf } from './failure.ts';
import { next } from './next.ts';
import { planHash } from './plan.ts';
import type { RunState } from './state.ts';
import type { UndoFunction } from './step.ts';
import { openSession, type Session } from './view.ts';

/**
 * Undoes one step of a run that is aborted or taken back to where its copy begins. Of an abort the first of them begins the undoing: the lease is held, so no execution is open.
 * @throws Transient for the job to try again, LeaseLost when another worker took the run over.
 */
export async function undoStep<C>(execution: Execution<C>, id: string): Promise<Outcome> {
  const session = await openSession(execution, id);
  if (!isUndoOf(session.state(), execution, id)) return { kind: 'stale' };
  await session.commit((state) =>
    state.status === 'aborting' ? [{ type: 'undo.begun', reason: state.abort?.reason ?? 'aborted' }] : undefined,
  );
  const undo = execution.steps.get(id)?.undo;
  if (!undo) throw new Fatal('step.unknown', `There is no step ${id} in this bot's runbook.`);
  if (typeof undo === 'function') return await runUndo(execution, session, id, undo);
  if ('irreversible' in undo) throw new Fatal('undo.irreversible', `Step ${id} cannot be undone: ${undo.irreversible}`);
  if (!('ask' in undo)) return await settled(session, execution, id, 'kept', undo.keep);
  if (undo.askIf && !undo.askIf.is(session.view)) return await runUndo(execution, session, id, undo.undo);
  const gate = `undo:${id}`;
  const state = session.state();
  if (state.rejected.has(gate)) return await settled(session, execution, id, 'kept', undo.keep);
  if (state.approved.has(gate)) return await runUndo(execution, session, id, undo.undo);
  const asked: FactBody = {
    type: 'gate.asked',
    gate,
    step: id,
    nonce: execution.nonce(),
    planHash: planHash([undo.ask]),
    plan: [undo.ask],
    shown: [`If it is rejected, it is kept: ${undo.keep}`],
    question: undo.ask,
    expiresAt: execution.now() + execution.gateExpiresMs,
  };
  const { written } = await session.commit((now) => (isUndoOf(now, execution, id) ? [asked] : undefined));
  return written ? { kind: 'advanced' } : { kind: 'stale' };
}

/** Puts a failed undo before people. */
export async function failUndo(execution: Ownership, id: string, failure: Failure): Promise<Outcome> {
  const { commit } = await openSession(execution, id);
  const { written } = await commit((state) =>
    state.status === 'undoing' || state.status === 'aborting' || state.status === 'giving-back'
      ? failureFacts(state, id, failure, true)
      : undefined,
  );
  return written ? { kind: 'advanced' } : { kind: 'stale' };
}

async function runUndo<C>(execution: Execution<C>, session: Session, id: string, undo: UndoFunction<C>): Promise<Outcome> {
  try {
    await undo(execution.clients, session.view);
    return await settled(session, execution, id, 'undone', whyUndone(session.state()));
  } catch (error) {
    if (error instanceof LeaseLost) throw error;
    if (execution.signal.aborted) return { kind: 'interrupted' };
    if (error instanceof Transient) throw error;
    return await failUndo(execution, id, failureOf(error));
  }
}

function whyUndone({ abort, takingBack, leg }: RunState): string {
  return abort?.reason ?? takingBack?.reason ?? leg.reason;
}

async function settled(session: Session, execution: Ownership, id: string, how: 'undone' | 'kept', why: string): Promise<Outcome> {
  const { written } = await session.commit((state) =>
    isUndoOf(state, execution, id) ? [{ type: 'step.undone', step: id, how, why }] : undefined,
  );
  return written ? { kind: 'advanced' } : { kind: 'stale' };
}

function isUndoOf(state: RunState, execution: Ownership, id: string): boolean {
  const move = next(state, execution.shape);
  return move.do === 'undo' && move.step === id;
}
