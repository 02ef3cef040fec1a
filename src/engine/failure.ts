import { Fatal, NeedsHuman, Refused, Transient } from '../errors.ts';
import type { FactBody } from './facts.ts';
import type { RunState } from './state.ts';
import type { Shown } from './step.ts';
import { mustGiveBack, sentence, writesSentence } from './writes.ts';

export interface Failure extends Shown {
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;
  readonly fate: 'human' | 'fatal';
}

/** What nobody classified goes to a human: for DDL, grants and a promotion a pause is the safe default. */
export function failureOf(error: unknown): Failure {
  if (error instanceof NeedsHuman) {
    const shown: Shown = {
      ...(error.tables.length > 0 ? { exhibits: error.tables } : {}),
      ...(error.restartCopy ? { restartCopy: true } : {}),
    };
    return { code: error.code, reason: error.message, remedy: error.remedy, fate: 'human', ...shown };
  }
  if (error instanceof Fatal)
    return {
      code: error.code,
      reason: error.message,
      remedy: 'Report it to the maintainers of this bot, with the report of the run.',
      fate: 'fatal',
    };
  if (error instanceof Transient || error instanceof Refused)
    return { code: error.code, reason: error.message, remedy: 'Press Retry when the cause is gone.', fate: 'human' };
  const message = error instanceof Error ? error.message : String(error);
  return {
    code: 'step.unclassified',
    reason: message === '' ? 'It failed without a message' : message,
    remedy: 'Look at the cause, then press Retry: the step looks again before it acts.',
    fate: 'human',
  };
}

/**
 * The facts of a failure. Inside the write stop, before the promotion is called, they begin to give the writes back:
 * nobody has to be awake for that.
 */
export function failureFacts(state: RunState, step: string, failure: Failure, undoing: boolean): readonly FactBody[] {
  const { code, remedy, fate, file, exhibits, sessions, restartCopy } = failure;
  const blocked: FactBody = {
    type: 'step.blocked',
    step,
    code,
    reason: `${sentence(failure.reason)} ${writesSentence(state)}`,
    remedy,
    fate,
    undoing,
    ...(file ? { file } : {}),
    ...(exhibits ? { exhibits } : {}),
    ...(sessions?.length ? { sessions } : {}),
    ...(restartCopy ? { restartCopy } : {}),
  };
  if (undoing || !mustGiveBack(state)) return [blocked];
  return [blocked, { type: 'give-back.begun', reason: `${step} failed: ${sentence(failure.reason)}` }];
}
