import {
  abandonLeg,
  begin,
  beginLeg,
  copyAnew,
  type Draft,
  emptyDraft,
  endWriteStop,
  reset,
  settle,
  takeCopyBack,
  takeUpgradeBack,
  touch,
} from './draft.ts';
import { type Fact, movesEpoch } from './facts.ts';
import type { RunbookShape, RunState } from './state.ts';
import { currentOf, statusOf } from './status.ts';
import { block, decide, givenBack } from './stops.ts';
import { sentence, writesSentence } from './writes.ts';

/** The state of a run: derived from its facts, never stored. An empty log is the status `nothing`. */
export function fold(facts: readonly Fact[], shape: RunbookShape): RunState {
  const draft = emptyDraft(shape);
  for (const fact of facts) {
    if (movesEpoch[fact.type]) draft.epoch += 1;
    take(draft, fact);
  }
  return stateOf(draft, facts);
}

function take(draft: Draft, fact: Fact): void {
  switch (fact.type) {
    case 'run.started': {
      const { type: _type, at, ...header } = fact;
      begin(draft, header, at);
      return;
    }
    case 'run.due':
      draft.due = true;
      return;
    case 'step.started': {
      const step = touch(draft, fact.step);
      step.status = 'started';
      step.attempts = fact.attempt;
      step.startedAt ??= fact.at;
      draft.pauseSettled = false;
      settle(draft, fact.step);
      return;
    }
    case 'fact.recorded': {
      const ledger = draft.records.get(fact.step) ?? new Map<string, unknown>();
      draft.records.set(fact.step, ledger.set(fact.key, fact.value));
      return;
    }
    case 'step.done': {
      Object.assign(touch(draft, fact.step), { status: 'done', endedAt: fact.at, evidence: fact.evidence, changed: fact.changed });
      settle(draft, fact.step);
      if (draft.writesOffSince !== undefined) draft.spans = [...draft.spans, ...(fact.spans ?? [])];
      endWriteStop(draft, fact.at);
      takeUpgradeBack(draft);
      return;
    }
    case 'step.blocked':
      block(draft, { ...fact, reason: fact.reason });
      return;
    case 'step.skipped': {
      if (draft.undoBegun) reset(draft, fact.step);
      const step = touch(draft, fact.step);
      Object.assign(step, { status: draft.undoBegun ? 'kept' : 'skipped', endedAt: fact.at, evidence: fact.reason });
      settle(draft, fact.step);
      endWriteStop(draft, fact.at);
      takeUpgradeBack(draft);
      return;
    }
    case 'step.undone': {
      reset(draft, fact.step);
      Object.assign(touch(draft, fact.step), { status: fact.how, endedAt: fact.at, evidence: fact.why });
      return;
    }
    case 'gate.asked': {
      const { type: _type, at, because, ...gate } = fact;
      if (fact.gate === fact.step) touch(draft, fact.step);
      draft.approved.delete(fact.gate);
      // Asked again under its own number, what was seen is what was voted on: the votes stand.
      draft.gate = {
        ...gate,
        askedAt: at,
        expired: false,
        because,
        votes: draft.rechecked?.nonce === gate.nonce ? draft.rechecked.votes : [],
      };
      draft.rechecked = undefined;
      return;
    }
    case 'gate.rechecked':
      if (draft.gate?.nonce !== fact.nonce) return;
      draft.rechecked = draft.gate;
      draft.gate = undefined;
      return;
    case 'gate.expired':
      if (draft.gate?.nonce === fact.nonce) draft.gate.expired = true;
      return;
    case 'vote.cast':
      if (draft.gate?.nonce === fact.nonce)
        draft.gate.votes = [
          ...draft.gate.votes.filter((vote) => vote.by !== fact.by),
          { by: fact.by, at: fact.at, vote: fact.vote, reason: fact.reason },
        ];
      return;
    case 'vote.withdrawn':
      if (draft.gate?.nonce === fact.nonce) draft.gate.votes = draft.gate.votes.filter((vote) => vote.by !== fact.by);
      return;
    case 'gate.decided':
      decide(draft, fact);
      return;
    case 'task.asked':
      touch(draft, fact.step);
      draft.answers.delete(fact.step);
      draft.task = {
        step: fact.step,
        what: fact.what,
        verifiedBy: fact.verifiedBy,
        expects: fact.expects,
        askedAt: fact.at,
        because: fact.because,
      };
      return;
    case 'task.done':
      draft.answers.set(fact.step, { by: fact.by, answer: fact.answer });
      if (draft.task?.step === fact.step) draft.task = undefined;
      return;
    case 'retry.requested': {
      const step = touch(draft, fact.step);
      if (step.status === 'blocked') step.status = step.attempts > 0 ? 'started' : 'pending';
      draft.disconnect = fact.disconnect && { step: fact.step, by: fact.by, sessions: fact.disconnect };
      draft.blocked = undefined;
      draft.gate = undefined;
      draft.rechecked = undefined;
      return;
    }
    case 'sessions.disconnected':
      draft.disconnect = undefined;
      return;
    case 'pause.requested':
      // Who is ended hours later, when the run goes on, is decided again.
      draft.disconnect = undefined;
      draft.pause = { by: fact.by, reason: fact.reason, at: fact.at };
      draft.pauseSettled = false;
      return;
    case 'run.resumed':
      draft.pause = undefined;
      return;
    case 'run.handed-over':
      draft.operator = fact.to;
      return;
    case 'abort.requested':
      draft.abort = { by: fact.by, reason: fact.reason, at: fact.at };
      draft.takingBack = undefined;
      return;
    case 'undo.begun':
      draft.undoBegun = true;
      draft.pause = undefined;
      draft.gate = undefined;
      draft.rechecked = undefined;
      draft.task = undefined;
      draft.blocked = undefined;
      return;
    case 'copy.restart-requested':
      takeCopyBack(draft, fact);
      return;
    case 'copy.taken-back':
      copyAnew(draft);
      return;
    case 'deadline.set':
      draft.dueAt = fact.dueAt;
      draft.writesOffSince ??= fact.at;
      return;
    case 'promotion.called':
      draft.promotionCalled = true;
      draft.givingBack = undefined;
      return;
    case 'promotion.refused':
      draft.promotionCalled = false;
      return;
    case 'give-back.begun':
      // Written after the promotion was called it has no effect: the new instance is the one that is written to.
      if (draft.promotionCalled) return;
      draft.givingBack = { reason: fact.reason, fate: draft.blocked?.fate ?? 'human' };
      draft.gate = undefined;
      draft.task = undefined;
      draft.blocked = undefined;
      return;
    case 'writes.given-back':
      givenBack(draft, fact);
      return;
    case 'note':
      if (fact.marks === 'paused') draft.pauseSettled = true;
      return;
    case 'way-back.tended': {
      const gaps = [...new Set([...draft.wayBack.gaps, ...fact.gaps])];
      draft.wayBack = {
        warnings: fact.warnings,
        gaps,
        lost: fact.lost ?? draft.wayBack.lost,
        over: draft.wayBack.over || fact.over !== undefined,
      };
      return;
    }
    case 'proof.kept': {
      const ledger = draft.records.get(fact.step) ?? new Map<string, unknown>();
      draft.records.set(fact.step, ledger.set('kept', fact.kept));
      return;
    }
    case 'run.finished':
      draft.ended = { at: fact.at, as: 'finished' };
      return;
    case 'run.aborted':
      draft.ended = { at: fact.at, as: 'aborted' };
      return;
    case 'run.rolled-back':
      draft.ended = { at: fact.at, as: 'rolled-back' };
      return;
    case 'run.retired':
      draft.ended = { at: fact.at, as: 'retired' };
      return;
    case 'leg.begun':
      beginLeg(draft, fact);
      return;
    case 'leg.abandoned':
      abandonLeg(draft);
      return;
    default:
      fact satisfies never;
      draft.problem = `this bot does not know the fact "${(fact as { readonly type: string }).type}"`;
  }
}

function stateOf(draft: Draft, facts: readonly Fact[]): RunState {
  if (draft.problem !== undefined && !draft.ended)
    block(draft, {
      step: draft.blocked?.step ?? draft.order[Math.max(0, draft.reached)] ?? '',
      at: facts.at(-1)?.at ?? 0,
      code: 'run.not-understood',
      reason: `${sentence(draft.problem)} ${writesSentence(draft)}`,
      remedy: 'Start the version of the bot that began this run, or a newer one.',
      fate: 'fatal',
      undoing: draft.undoBegun || draft.givingBack !== undefined,
    });
  // A step that the runbook gained behind the run's back: it was not asked for there.
  const order = draft.order.filter((id, index) => !(draft.gained.has(id) && index <= draft.reached && untouched(draft, id)));
  const steps = order.flatMap((id) => draft.steps.get(id) ?? []);
  const status = statusOf(draft);
  return {
    header: draft.header,
    version: facts.length,
    epoch: draft.epoch,
    status,
    steps,
    leg: draft.leg,
    current: currentOf(draft, steps, status),
    gate: draft.gate,
    rechecked: draft.rechecked,
    operator: draft.operator,
    approved: draft.approved,
    rejected: draft.rejected,
    task: draft.task,
    answers: draft.answers,
    blocked: draft.blocked,
    disconnect: draft.disconnect,
    records: draft.records,
    pause: draft.pause,
    abort: draft.abort,
    takingBack: draft.takingBack,
    deadlineAt: draft.promotionCalled ? undefined : draft.dueAt,
    promotionCalled: draft.promotionCalled,
    givingBack: draft.givingBack ? { reason: draft.givingBack.reason } : undefined,
    writesOffSince: draft.writesOffSince,
    writeStops: draft.writeStops,
    wayBack: draft.wayBack,
    endedAt: draft.ended?.at,
  };
}

function untouched(draft: Draft, id: string): boolean {
  const step = draft.steps.get(id);
  return step === undefined || (step.status === 'pending' && step.attempts === 0);
}
