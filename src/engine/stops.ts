import { closeWriteStop, cutoverStep, type Draft, shapeOfStep, touch, voidCutover } from './draft.ts';
import type { Fact } from './facts.ts';
import type { Blocked } from './state.ts';
import { sentence, writesSentence } from './writes.ts';

/** Puts the run before people. */
export function block(
  draft: Draft,
  fact: Omit<Blocked, 'skippable' | 'sessions' | 'restartCopy'> & Partial<Pick<Blocked, 'sessions' | 'restartCopy'>>,
): void {
  const step = touch(draft, fact.step);
  if (!fact.undoing) step.status = 'blocked';
  if (draft.task?.step === fact.step) draft.task = undefined;
  draft.rechecked = undefined;
  draft.disconnect = undefined;
  draft.blocked = {
    step: fact.step,
    at: fact.at,
    code: fact.code,
    reason: fact.reason,
    remedy: fact.remedy,
    fate: fact.fate,
    undoing: fact.undoing,
    // Undoing, a step may be left as it is; the write stop's may not, or the writes stay off.
    skippable: fact.undoing ? draft.undoBegun : shapeOfStep(draft, fact.step)?.skippable === true,
    sessions: fact.sessions ?? [],
    restartCopy: fact.restartCopy ?? false,
  };
}

/** What people decided about the open gate. */
export function decide(draft: Draft, fact: Extract<Fact, { readonly type: 'gate.decided' }>): void {
  const gate = draft.gate;
  if (gate?.nonce !== fact.nonce) return;
  draft.gate = undefined;
  if (fact.decision === 'approved') {
    draft.approved.set(fact.gate, { planHash: fact.planHash, plan: gate.plan, by: fact.by, at: fact.at });
  } else if (fact.gate === `undo:${gate.step}`) {
    draft.rejected.add(fact.gate);
  } else {
    const why = sentence(`${fact.by.join(', ')} rejected it${fact.reason ? `: ${fact.reason}` : ''}`);
    block(draft, {
      step: gate.step,
      at: fact.at,
      code: 'gate.rejected',
      reason: `${why} ${writesSentence(draft)}`,
      remedy: 'Press Retry to ask again, or Abort.',
      fate: 'human',
      undoing: false,
    });
  }
}

/** The write stop is over without its point of no return; the next try begins at its gate. */
export function givenBack(draft: Draft, fact: Extract<Fact, { readonly type: 'writes.given-back' }>): void {
  const { reason, fate } = draft.givingBack ?? { reason: 'asked for', fate: 'human' as const };
  closeWriteStop(draft, fact.at, 'given-back');
  draft.dueAt = undefined;
  draft.givingBack = undefined;
  voidCutover(draft);
  if (draft.pause || draft.abort || draft.takingBack) return;
  block(draft, {
    step: cutoverStep(draft),
    at: fact.at,
    code: 'writes.given-back',
    reason: `The writes were given back after ${(fact.offForMs / 1000).toFixed(1)} s: ${sentence(reason)} Writes are on.`,
    remedy:
      draft.leg.name === 'rollback'
        ? 'Press Retry to start the rollback again, or Abort to stay on the new instance.'
        : 'Press Retry to start the cutover again.',
    fate,
    undoing: false,
  });
}
