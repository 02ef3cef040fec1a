import { describe, expect, test } from 'vitest';
import type { Decision } from '../../src/engine/approvals.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { failureFacts, failureOf } from '../../src/engine/failure.ts';
import { fold } from '../../src/engine/fold.ts';
import { abort, askAgain, note, pause, resume, retry, skip, taskDone } from '../../src/engine/moves.ts';
import { changeOfPlan, planHash } from '../../src/engine/plan.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { Fatal, NeedsHuman, Transient } from '../../src/errors.ts';
import { logOf, runStarted } from '../support/engine-log.ts';
import { cutoverSteps, fileRunbook } from '../support/file-runbook.ts';

const shape = shapeOf(fileRunbook(cutoverSteps));
function state(...bodies: readonly FactBody[]) {
  const steps = cutoverSteps.map((step) => step.id);
  const first: FactBody = runStarted(steps);
  return fold(logOf(first, ...bodies), shape);
}
const started = (step: string): FactBody => ({ type: 'step.started', step, attempt: 1, token: 1 });
const blocked = (step: string, undoing = false): FactBody => ({
  type: 'step.blocked',
  step,
  code: 'c',
  reason: 'r',
  remedy: 'm',
  fate: 'human',
  undoing,
});
const inside: readonly FactBody[] = [started('stop-workers'), { type: 'deadline.set', dueAt: 60_000 }];
const types = (decision: Decision) => (decision.kind === 'facts' ? decision.facts.map((fact) => fact.type) : decision.code);

describe('what people ask for', () => {
  const table: readonly (readonly [string, Decision, readonly string[] | string])[] = [
    ['pause', pause(state(), 'ann', 'x'), ['pause.requested']],
    ['pause inside the write stop gives back first', pause(state(...inside), 'ann', 'x'), ['pause.requested', 'give-back.begun']],
    [
      'pause after the promotion gives nothing back',
      pause(state(...inside, { type: 'promotion.called' }), 'ann', 'x'),
      ['pause.requested'],
    ],
    ['pause twice', pause(state({ type: 'pause.requested', by: 'bob', reason: '' }), 'ann', 'x'), 'run.paused'],
    ['pause of an abort', pause(state({ type: 'abort.requested', by: 'bob', reason: '' }), 'ann', 'x'), 'run.aborting'],
    ['resume', resume(state({ type: 'pause.requested', by: 'bob', reason: '' }), 'ann'), ['run.resumed']],
    ['resume of what is not paused', resume(state(), 'ann'), 'run.not-paused'],
    ['retry', retry(state(blocked('prepare')), 'ann'), ['retry.requested']],
    ['retry of what is not blocked', retry(state(), 'ann'), 'run.not-blocked'],
    ['retry of another step than the blocked one', retry(state(blocked('prepare')), 'ann', 'fence'), 'run.other-step'],
    ['skip where the runbook does not allow it', skip(state(blocked('prepare')), 'ann', 'prepare', 'x'), 'step.not-skippable'],
    ['skip of what is not blocked', skip(state(), 'ann', 'prepare', 'x'), 'step.not-blocked'],
    [
      'leave the undo of a step of the write stop',
      skip(state(...inside, { type: 'give-back.begun', reason: '' }, blocked('stop-workers', true)), 'ann', 'stop-workers', 'x'),
      'step.not-skippable',
    ],
    ['abort', abort(state(), shape, 'ann', 'x'), ['abort.requested']],
    ['abort without a reason', abort(state(), shape, 'ann', ' '), 'abort.reason-missing'],
    ['abort inside the write stop gives back first', abort(state(...inside), shape, 'ann', 'x'), ['abort.requested', 'give-back.begun']],
    [
      'abort while the writes are given back does not begin that twice',
      abort(state(...inside, { type: 'give-back.begun', reason: '' }), shape, 'ann', 'x'),
      ['abort.requested'],
    ],
    ['abort after the promotion was called', abort(state(...inside, { type: 'promotion.called' }), shape, 'ann', 'x'), 'run.irreversible'],
    ['abort after an irreversible step has begun', abort(state(started('clean-up')), shape, 'ann', 'x'), 'run.irreversible'],
    ['abort of what has ended', abort(state({ type: 'run.finished' }), shape, 'ann', 'x'), 'run.ended'],
    ['a task that is not open', taskDone(state(), 'ann', 'prepare', ''), 'task.not-open'],
    [
      'a task without the answer it needs',
      taskDone(state({ type: 'task.asked', step: 'prepare', what: [], verifiedBy: '', expects: 'a link' }), 'ann', 'prepare', ''),
      'task.answer-missing',
    ],
    [
      'a task',
      taskDone(state({ type: 'task.asked', step: 'prepare', what: [], verifiedBy: '', expects: 'a link' }), 'ann', 'prepare', 'https://x'),
      ['task.done'],
    ],
    ['ask again about a question that is gone', askAgain(state(), 'ann', 'n1'), 'gate.stale'],
    ['a note, even after the end', note(state({ type: 'run.finished' }), 'ann', 'well done'), ['note']],
    ['anything of no run', pause(fold([], shape), 'ann', 'x'), 'run.unknown'],
  ];
  test.each(table)('%s', (_name, decision, expected) => {
    expect(types(decision)).toEqual(expected);
  });
});

describe('a failure', () => {
  test('names its fate: what nobody classified goes to a human', () => {
    expect(failureOf(new NeedsHuman('a.b', 'm', { remedy: 'r' }))).toEqual({ code: 'a.b', reason: 'm', remedy: 'r', fate: 'human' });
    expect(failureOf(new Fatal('a.b', 'm'))).toMatchObject({ code: 'a.b', fate: 'fatal' });
    expect(failureOf(new Transient('a.b', 'm'))).toMatchObject({ code: 'a.b', fate: 'human' });
    expect(failureOf(new TypeError('x is undefined'))).toMatchObject({
      code: 'step.unclassified',
      reason: 'x is undefined',
      fate: 'human',
    });
    expect(failureOf('oops')).toMatchObject({ code: 'step.unclassified', reason: 'oops' });
  });

  test('ends with the state of the writes, and begins to give them back only where that is automatic', () => {
    const failure = { code: 'c', reason: 'the slot is gone', remedy: 'm', fate: 'human' as const };
    const of = (...facts: readonly FactBody[]) => failureFacts(state(...facts), 'fence', failure, false);
    expect(of()).toMatchObject([{ reason: 'the slot is gone. Writes are on.' }]);
    expect(of(...inside)).toMatchObject([
      { reason: 'the slot is gone. Writes are OFF since 00:00:02 UTC.' },
      { type: 'give-back.begun', reason: 'fence failed: the slot is gone.' },
    ]);
    expect(of(...inside, { type: 'promotion.called' })).toMatchObject([
      { type: 'step.blocked', reason: 'the slot is gone. Writes are OFF since 00:00:02 UTC.' },
    ]);
    expect(failureFacts(state(...inside), 'fence', failure, true)).toHaveLength(1);
  });
});

test('a plan is its lines in their order, and a change of it says which', () => {
  expect(planHash(['a', 'b'])).not.toBe(planHash(['b', 'a']));
  expect(planHash(['a', 'b'])).not.toBe(planHash(['a\nb']));
  expect(changeOfPlan(undefined, ['a'])).toBeUndefined();
  expect(changeOfPlan({ by: ['ann'], plan: ['a', 'b'] }, ['b', 'c'])).toBe(
    'the plan changed since ann approved it: no longer “a”; now “c”',
  );
});
