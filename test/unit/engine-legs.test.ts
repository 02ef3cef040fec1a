import { describe, expect, test } from 'vitest';
import type { Decision } from '../../src/engine/approvals.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { failureFacts, failureOf } from '../../src/engine/failure.ts';
import { fold } from '../../src/engine/fold.ts';
import { retire, rollback } from '../../src/engine/legs.ts';
import { abort, pause } from '../../src/engine/moves.ts';
import { next } from '../../src/engine/next.ts';
import { idsOf, shapeOf } from '../../src/engine/shape.ts';
import type { RunState } from '../../src/engine/state.ts';
import { logOf, runStarted } from '../support/engine-log.ts';
import { cutoverSteps, fileLegs, retireSteps, returnSteps } from '../support/file-runbook.ts';

const shape = shapeOf(fileLegs({ upgrade: cutoverSteps, rollback: returnSteps, retire: retireSteps }));
const header: FactBody = runStarted(idsOf(shape, 'upgrade'));
function state(...bodies: readonly FactBody[]): RunState {
  return fold(logOf(header, ...bodies), shape);
}
const move = (now: RunState) => next(now, shape);
const started = (step: string): FactBody => ({ type: 'step.started', step, attempt: 1, token: 1 });
const done = (step: string): FactBody => ({ type: 'step.done', step, evidence: 'there', changed: true });
const both = (step: string) => [started(step), done(step)];
const undone = (step: string): FactBody => ({ type: 'step.undone', step, how: 'undone', why: '' });
const called: FactBody = { type: 'promotion.called' };
const deadline = (dueAt: number): FactBody => ({ type: 'deadline.set', dueAt });
const aborted: FactBody = { type: 'abort.requested', by: 'ann', reason: 'no' };
const recorded = (step: string, value: unknown): FactBody => ({ type: 'fact.recorded', step, key: 'k', value });

const promoted = [
  ...both('prepare'),
  done('approve-cutover'),
  started('stop-workers'),
  deadline(60_000),
  recorded('stop-workers', 3),
  done('stop-workers'),
  ...both('fence'),
  done('drain'),
  started('promote'),
  called,
  done('promote'),
] as const satisfies readonly FactBody[];
const finished = [...promoted, ...both('start'), ...both('clean-up'), { type: 'run.finished' }] as const satisfies readonly FactBody[];
const begun = (leg: 'rollback' | 'retire'): FactBody => ({
  type: 'leg.begun',
  leg,
  by: 'ann',
  reason: 'slow queries',
  steps: idsOf(shape, leg),
});
const opened = [
  ...finished,
  begun('rollback'),
  done('look-back'),
  done('approve-return'),
  started('stop-again'),
  deadline(90_000),
  done('stop-again'),
  ...both('fence-new'),
  started('open-old'),
  called,
  done('open-old'),
] as const satisfies readonly FactBody[];
const types = (decision: Decision) => (decision.kind === 'facts' ? decision.facts.map(({ type }) => type) : decision.code);

describe('who may begin a leg', () => {
  const table: readonly (readonly [string, Decision, readonly string[] | string])[] = [
    ['rollback before the promotion is the abort', rollback(state(...both('prepare')), shape, 'ann', 'x'), ['abort.requested']],
    [
      'rollback inside the write stop gives back first',
      rollback(state(...promoted.slice(0, 5)), shape, 'ann', 'x'),
      ['abort.requested', 'give-back.begun'],
    ],
    ['rollback after the promotion', rollback(state(...promoted), shape, 'ann', 'x'), ['leg.begun']],
    ['rollback of a finished run', rollback(state(...finished), shape, 'ann', 'x'), ['leg.begun']],
    ['rollback without a reason', rollback(state(...finished), shape, 'ann', ' '), 'rollback.reason-missing'],
    ['rollback twice', rollback(state(...finished, begun('rollback')), shape, 'ann', 'x'), 'rollback.under-way'],
    ['rollback of an aborted run', rollback(state(aborted, { type: 'run.aborted' }), shape, 'ann', 'x'), 'run.ended'],
    ['rollback while the retirement is only asked about', rollback(state(...finished, begun('retire')), shape, 'ann', 'x'), 'run.retiring'],
    [
      'rollback once the way back is gone',
      rollback(state(...finished, begun('retire'), started('disarm')), shape, 'ann', 'x'),
      'rollback.too-late',
    ],
    ['retire of a finished run', retire(state(...finished), shape, 'ann', ''), ['leg.begun']],
    ['retire of a run that goes on', retire(state(...promoted), shape, 'ann', ''), 'retire.not-finished'],
    [
      'retire of a run that was rolled back',
      retire(state(...opened, done('start-old'), { type: 'run.rolled-back' }), shape, 'ann', ''),
      'retire.not-finished',
    ],
    ['abort of a rollback', abort(state(...finished, begun('rollback'), started('look-back')), shape, 'ann', 'x'), ['abort.requested']],
    ['abort of a rollback once the old instance is opened', abort(state(...opened), shape, 'ann', 'x'), 'run.irreversible'],
    ['pause while the upgrade is taken back', pause(state(...opened, done('start-old')), 'ann', ''), 'run.undoing'],
  ];
  test.each(table)('%s', (_name, decision, expected) => expect(types(decision)).toEqual(expected));
});

describe('a rollback', () => {
  test('is a leg of its own: fresh questions, no deadline, nothing called, the ledger kept', () => {
    const now = state(...finished, begun('rollback'));
    expect(now).toMatchObject({
      status: 'running',
      promotionCalled: false,
      deadlineAt: undefined,
      endedAt: undefined,
      current: 'look-back',
    });
    expect(now.leg).toMatchObject({ name: 'rollback', by: 'ann', reopened: true, writesWereOff: false });
    expect(now.records.get('stop-workers')?.get('k')).toBe(3);
    expect(move(now)).toEqual({ do: 'execute', step: 'look-back' });
  });
  test('moves the epoch, so that its first job is no other job’s', () => {
    expect(state(...finished, begun('rollback')).epoch).toBe(state(...finished).epoch + 1);
  });
  test('gives back its own steps alone: the old instance stays closed', () => {
    const inside = [...opened.slice(0, finished.length + 7), { type: 'give-back.begun', reason: 'late' }] as const;
    const now = state(...inside);
    expect(now.status).toBe('giving-back');
    expect(now.current).toBe('fence-new');
    const after = state(...inside, undone('fence-new'), undone('stop-again'), { type: 'writes.given-back', offForMs: 5 });
    expect(after.steps.find(({ id }) => id === 'fence')?.status).toBe('done');
    expect(after).toMatchObject({ status: 'blocked', current: 'approve-return', writesOffSince: undefined });
    expect(after.blocked?.remedy).toContain('stay on the new instance');
  });
  test('has a deadline of its own, and a failure inside it gives the writes back', () => {
    const now = state(...opened.slice(0, finished.length + 7));
    expect(now.deadlineAt).toBe(90_000);
    expect(failureFacts(now, 'fence-new', failureOf(new Error('x')), false).map(({ type }) => type)).toEqual([
      'step.blocked',
      'give-back.begun',
    ]);
  });
  test('opened, it never gives back, and the writes flow when the services are up on the old instance', () => {
    expect(failureFacts(state(...opened), 'start-old', failureOf(new Error('x')), false).map(({ type }) => type)).toEqual(['step.blocked']);
    const now = state(...opened, ...both('start-old'));
    expect(now.writesOffSince).toBeUndefined();
    expect(now.writeStops.map(({ end }) => end)).toEqual(['switched', 'rolled-back']);
  });
  test('then takes back what the upgrade did before its cutover, and nothing after it', () => {
    const now = state(...opened, ...both('start-old'));
    expect(now.status).toBe('undoing');
    expect(move(now)).toEqual({ do: 'undo', step: 'prepare' });
    const over = state(...opened, ...both('start-old'), undone('prepare'));
    expect(move(over)).toEqual({ do: 'end', as: 'run.rolled-back' });
    expect(state(...opened, ...both('start-old'), undone('prepare'), { type: 'run.rolled-back' })).toMatchObject({
      status: 'rolled-back',
      current: undefined,
    });
  });
  test('an open step of the upgrade that ends late calls nothing and begins no write stop', () => {
    const now = state(...promoted, begun('rollback'), done('start'));
    expect(now).toMatchObject({ promotionCalled: false, current: 'look-back', status: 'running' });
  });
});

describe('a rollback that is abandoned', () => {
  const given = [...finished, begun('rollback'), started('look-back'), aborted] as const;
  test('takes back its own steps and leaves the finished run finished, releasing the environment', () => {
    expect(move(state(...given))).toEqual({ do: 'undo', step: 'look-back' });
    const over = [...given, { type: 'undo.begun', reason: 'no' }, undone('look-back')] as const;
    expect(move(state(...over))).toEqual({ do: 'end', as: 'leg.abandoned' });
    const now = state(...over, { type: 'leg.abandoned', leg: 'rollback', releases: true });
    expect(now).toMatchObject({ status: 'finished', promotionCalled: true });
    expect(now.steps.map(({ id }) => id)).toEqual(idsOf(shape, 'upgrade'));
    expect(move(now)).toEqual({ do: 'nothing' });
  });
  test('may be tried again, from the beginning', () => {
    const again = state(
      ...given,
      undone('look-back'),
      recorded('fence-new', 'of the first try'),
      { type: 'leg.abandoned', leg: 'rollback', releases: true },
      begun('rollback'),
    );
    expect(again).toMatchObject({ status: 'running', current: 'look-back', abort: undefined });
    expect(again.records.has('fence-new')).toBe(false);
    expect(again.steps.filter(({ leg }) => leg === 'rollback')).toHaveLength(returnSteps.length);
  });
  test('in the middle of the upgrade: the upgrade goes on where it stood', () => {
    const now = state(...promoted, ...both('start'), begun('rollback'), aborted, {
      type: 'leg.abandoned',
      leg: 'rollback',
      releases: false,
    });
    expect(now).toMatchObject({ status: 'running', current: 'clean-up', promotionCalled: true });
  });
});

describe('between the promotion and the first write', () => {
  test('returning begins with the writes off; nothing is given back without people', () => {
    const now = state(...promoted, begun('rollback'), started('stop-again'));
    expect(now.leg.writesWereOff).toBe(true);
    expect(now.writesOffSince).toBeDefined();
    expect(failureFacts(now, 'stop-again', failureOf(new Error('x')), false).map(({ type }) => type)).toEqual(['step.blocked']);
    expect(types(pause(now, 'ann', ''))).toEqual(['pause.requested']);
  });
  test('abandoned, the upgrade asks again at the step that stopped', () => {
    const now = state(...promoted, begun('rollback'), aborted, { type: 'leg.abandoned', leg: 'rollback', releases: false });
    expect(now).toMatchObject({ status: 'running', current: 'start', promotionCalled: true });
    expect(now.writesOffSince).toBeDefined();
  });
});

test('a retirement ends the run for good', () => {
  const now = state(...finished, begun('retire'), done('disarm'), done('delete-old'));
  expect(move(now)).toEqual({ do: 'end', as: 'run.retired' });
  expect(state(...finished, begun('retire'), done('disarm'), done('delete-old'), { type: 'run.retired' }).status).toBe('retired');
});
