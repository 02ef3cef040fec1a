import { describe, expect, test } from 'vitest';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { owedBy } from '../../src/jobs/owed.ts';
import { backoff, defaultTiming } from '../../src/jobs/settings.ts';
import { logOf, runStarted } from '../support/engine-log.ts';
import { cutoverSteps, fileRunbook } from '../support/file-runbook.ts';

const shape = shapeOf(fileRunbook(cutoverSteps));
const owed = (...bodies: readonly FactBody[]) => {
  const first: FactBody = runStarted(shape.map((step) => step.id));
  const facts = logOf(first, ...bodies);
  return owedBy(fold(facts, shape), shape).map(({ id, queue, dueAt }) => [id, queue, dueAt]);
};
const started: FactBody = { type: 'step.started', step: 'stop-workers', attempt: 1, token: 1 };
const deadline: FactBody = { type: 'deadline.set', dueAt: 60_000 };
const ready: readonly FactBody[] = ['prepare', 'approve-cutover'].map((step) => ({
  type: 'step.done',
  step,
  evidence: '',
  changed: false,
}));

describe('owed jobs', () => {
  test('are named by the decision: what is written inside an execution names no new one', () => {
    expect(owed()).toEqual([['PG-1-ab12cd34-1', 'steps', undefined]]);
    const inside: readonly FactBody[] = [
      { type: 'step.started', step: 'prepare', attempt: 1, token: 1 },
      { type: 'fact.recorded', step: 'prepare', key: 'k', value: 1 },
    ];
    expect(owed(...inside)).toEqual(owed());
    expect(owed(...ready)).toEqual([['PG-1-ab12cd34-3', 'steps', undefined]]);
  });

  test('an abort’s first undo is not swallowed by the execution that it interrupts', () => {
    const during = owed(...ready, { type: 'step.started', step: 'prepare', attempt: 1, token: 1 });
    const after = owed(
      ...ready,
      { type: 'step.started', step: 'prepare', attempt: 1, token: 1 },
      { type: 'abort.requested', by: 'u', reason: 'r' },
    );
    expect(after).toEqual([['PG-1-ab12cd34-3-undo', 'steps', undefined]]);
    expect(after[0]?.[0]).not.toBe(during[0]?.[0]);
  });

  test('the deadline and the give-back are no jobs: every worker process keeps them itself', () => {
    expect(owed(...ready, started, deadline)).toEqual([['PG-1-ab12cd34-3', 'steps', undefined]]);
    expect(owed(...ready, started, deadline, { type: 'give-back.begun', reason: '' })).toEqual([]);
  });

  test('nothing but its expiry is queued while people think about a gate, and nothing at all when the run has ended', () => {
    const gate: FactBody = {
      type: 'gate.asked',
      gate: 'prepare',
      step: 'prepare',
      nonce: 'n1',
      planHash: 'h',
      plan: [],
      shown: [],
      question: '',
      expiresAt: 9,
    };
    expect(owed(gate)).toEqual([['PG-1-ab12cd34-gate-n1', 'timed', 9]]);
    expect(owed(gate, { type: 'gate.expired', gate: 'prepare', nonce: 'n1' })).toEqual([]);
    expect(owed({ type: 'run.aborted' })).toEqual([]);
  });

  test('no id has a colon, which BullMQ refuses', () => {
    for (const [id] of owed(...ready, started, deadline)) expect(id).not.toContain(':');
  });
});

test('the pause between attempts doubles up to its limit, jitters downwards, and is never shorter than what was asked for', () => {
  const at = (failures: number, random: number, retryAfterMs?: number) => backoff(defaultTiming, failures, retryAfterMs, () => random);
  expect([1, 2, 3, 4].map((failures) => at(failures, 1))).toEqual([500, 1_000, 2_000, 4_000]);
  expect(at(20, 1)).toBe(30_000);
  expect(at(1, 0)).toBe(250);
  expect(at(1, 0, 7_000)).toBe(7_000);
});
