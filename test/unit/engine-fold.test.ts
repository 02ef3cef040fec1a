import { describe, expect, test } from 'vitest';
import type { Fact, FactBody, FactType, RunHeader } from '../../src/engine/facts.ts';
import { movesEpoch } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { next } from '../../src/engine/next.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import type { StepShape } from '../../src/engine/state.ts';
import { cutoverSteps, fileRunbook } from '../support/file-runbook.ts';

const shape = shapeOf(fileRunbook(cutoverSteps));
const header: RunHeader = {
  run: 'PG-1',
  uid: 'ab12cd34',
  service: 'inapp',
  environment: 'staging',
  from: 15,
  to: 17,
  by: 'U0OPERATOR',
  channel: 'C1',
  steps: cutoverSteps.map((step) => step.id),
  format: 1,
};
const log = (...bodies: readonly FactBody[]): readonly Fact[] => [
  { at: 1_000, type: 'run.started', ...header },
  ...bodies.map((body, index) => ({ at: 2_000 + index * 1_000, ...body }) as Fact),
];
const started = (step: string, attempt = 1): FactBody => ({ type: 'step.started', step, attempt, token: 1 });
const done = (step: string): FactBody => ({ type: 'step.done', step, evidence: `${step} is there`, changed: true });
const gate: FactBody = {
  type: 'gate.asked',
  gate: 'approve-cutover',
  step: 'approve-cutover',
  nonce: 'n1',
  planHash: 'h1',
  plan: ['stop the writes'],
  shown: [],
  question: 'Cut over?',
  expiresAt: 99_000,
};
const decided = (decision: 'approved' | 'rejected'): FactBody => ({
  type: 'gate.decided',
  gate: 'approve-cutover',
  nonce: 'n1',
  decision,
  by: ['U0APPROVER'],
  planHash: 'h1',
  ...(decision === 'rejected' ? { reason: 'it is Friday' } : {}),
});
const block = (step: string, undoing = false): FactBody => ({
  type: 'step.blocked',
  step,
  code: 'c',
  reason: 'r.',
  remedy: 'm',
  fate: 'human',
  undoing,
});
const toCutover = [done('prepare'), gate, decided('approved'), done('approve-cutover')] as const;
const inside = [
  ...toCutover,
  started('stop-workers'),
  { type: 'deadline.set', dueAt: 60_000 },
  done('stop-workers'),
  started('fence'),
] as const satisfies readonly FactBody[];

describe('what a run owes', () => {
  const table: readonly (readonly [string, readonly Fact[], ReturnType<typeof next>])[] = [
    ['nothing, when the log is empty', [], { do: 'nothing' }],
    ['its first step, when it has begun', log(), { do: 'execute', step: 'prepare' }],
    ['the same step, when that one is started', log(started('prepare')), { do: 'execute', step: 'prepare' }],
    ['the following step, when it is done', log(done('prepare')), { do: 'execute', step: 'approve-cutover' }],
    ['an answer, when a gate is asked', log(done('prepare'), gate), { do: 'await-gate', gate: 'approve-cutover' }],
    [
      'still an answer, when the gate expired',
      log(done('prepare'), gate, { type: 'gate.expired', gate: 'approve-cutover', nonce: 'n1' }),
      { do: 'await-gate', gate: 'approve-cutover' },
    ],
    [
      'the question again, when somebody asks again',
      log(done('prepare'), gate, { type: 'retry.requested', step: 'approve-cutover', by: 'U1' }),
      { do: 'execute', step: 'approve-cutover' },
    ],
    ['the gated step, when it is approved', log(done('prepare'), gate, decided('approved')), { do: 'execute', step: 'approve-cutover' }],
    ['a human, when it is rejected', log(done('prepare'), gate, decided('rejected')), { do: 'await-human', step: 'approve-cutover' }],
    ['a human, when a step is blocked', log(started('prepare'), block('prepare')), { do: 'await-human', step: 'prepare' }],
    [
      'the step, when somebody retries',
      log(started('prepare'), block('prepare'), { type: 'retry.requested', step: 'prepare', by: 'U1' }),
      { do: 'execute', step: 'prepare' },
    ],
    [
      'the following one, when somebody skips',
      log(block('prepare'), { type: 'step.skipped', step: 'prepare', by: 'U1', reason: 'x' }),
      { do: 'execute', step: 'approve-cutover' },
    ],
    ['nothing until somebody resumes, when it is paused', log({ type: 'pause.requested', by: 'U1', reason: '' }), { do: 'await-resume' }],
    [
      'the undo of the latest started step, when it is aborted',
      log(started('prepare'), done('prepare'), { type: 'abort.requested', by: 'U1', reason: 'x' }),
      { do: 'undo', step: 'prepare' },
    ],
    [
      'the undo of a step that is not finished, too',
      log(started('prepare'), { type: 'abort.requested', by: 'U1', reason: 'x' }, { type: 'undo.begun', reason: 'x' }),
      { do: 'undo', step: 'prepare' },
    ],
    [
      'its end, when nothing was started before the abort',
      log(done('prepare'), { type: 'abort.requested', by: 'U1', reason: 'x' }),
      { do: 'end', as: 'run.aborted' },
    ],
    ['the give-back, when that is begun', log(...inside, { type: 'give-back.begun', reason: 'late' }), { do: 'give-back', reason: 'late' }],
    [
      'the give-back before the undo, when it was aborted inside the write stop',
      log(...inside, { type: 'abort.requested', by: 'U1', reason: 'x' }, { type: 'give-back.begun', reason: 'x' }),
      { do: 'give-back', reason: 'x' },
    ],
    [
      'a human, when the give-back fails',
      log(...inside, { type: 'give-back.begun', reason: 'late' }, block('fence', true)),
      { do: 'await-human', step: 'fence' },
    ],
    [
      'a human, when the writes are back',
      log(...inside, { type: 'give-back.begun', reason: 'late' }, { type: 'writes.given-back', offForMs: 5 }),
      { do: 'await-human', step: 'approve-cutover' },
    ],
    [
      'the drain, when give-back comes after the promotion was called: too late to have an effect',
      log(...inside, done('fence'), { type: 'promotion.called' }, { type: 'give-back.begun', reason: 'late' }),
      { do: 'execute', step: 'drain' },
    ],
    ['its end, when every step is done', log(...cutoverSteps.map((step) => done(step.id))), { do: 'end', as: 'run.finished' }],
    ['nothing, when it has ended', log({ type: 'run.aborted' }), { do: 'nothing' }],
  ];
  test.each(table)('%s', (_name, facts, expected) => {
    expect(next(fold(facts, shape), shape)).toEqual(expected);
  });
});

describe('the write stop in the fold', () => {
  test('begins with the deadline and ends with the last step behind the promotion', () => {
    const off = fold(log(...inside), shape);
    expect(off).toMatchObject({ writesOffSince: 7_000, deadlineAt: 60_000, writeStops: [] });
    const called = fold(log(...inside, { type: 'promotion.called' }), shape);
    expect(called).toMatchObject({ promotionCalled: true, deadlineAt: undefined, writesOffSince: 7_000 });
    const on = fold(log(...inside, done('fence'), done('drain'), { type: 'promotion.called' }, done('promote'), done('start')), shape);
    expect(on.writesOffSince).toBeUndefined();
    expect(on.writeStops).toEqual([{ from: 7_000, to: 14_000, end: 'switched', spans: [] }]);
  });

  test('a refused promotion makes the deadline count again', () => {
    const state = fold(log(...inside, { type: 'promotion.called' }, { type: 'promotion.refused', reason: 'busy' }), shape);
    expect(state).toMatchObject({ promotionCalled: false, deadlineAt: 60_000 });
  });

  test('given back, everything from its gate on is void, and the ledger is not', () => {
    const state = fold(
      log(
        ...inside,
        { type: 'fact.recorded', step: 'fence', key: 'lsn', value: '0/1' },
        { type: 'give-back.begun', reason: 'the deadline passed' },
        { type: 'step.undone', step: 'fence', how: 'undone', why: '' },
        { type: 'step.undone', step: 'stop-workers', how: 'undone', why: '' },
        { type: 'writes.given-back', offForMs: 4_250 },
      ),
      shape,
    );
    expect(state.steps.map((step) => step.status)).toEqual(['done', 'blocked', ...Array(6).fill('pending')]);
    expect(state.approved.size).toBe(0);
    expect(state.deadlineAt).toBeUndefined();
    expect(state.records.get('fence')?.get('lsn')).toBe('0/1');
    expect(state.blocked).toMatchObject({
      code: 'writes.given-back',
      reason: 'The writes were given back after 4.3 s: the deadline passed. Writes are on.',
    });
  });
});

describe('a run that another version of the bot began', () => {
  const without = (id: string) => ({ ...header, steps: header.steps.filter((step) => step !== id) });
  test('executes a step that the runbook gained ahead of it', () => {
    const state = fold([{ at: 1, type: 'run.started', ...without('clean-up') }, ...log(done('prepare')).slice(1)], shape);
    expect(state.steps.map((step) => step.id)).toEqual(header.steps);
  });
  test('does not go back for a step that the runbook gained behind it', () => {
    const state = fold([{ at: 1, type: 'run.started', ...without('prepare') }, ...log(...toCutover.slice(1)).slice(1)], shape);
    expect(state.steps.map((step) => step.id)).not.toContain('prepare');
    expect(next(state, shape)).toEqual({ do: 'execute', step: 'stop-workers' });
  });
  test.each<readonly [string, Fact, RegExp]>([
    [
      'a step it does not know',
      { at: 1, type: 'run.started', ...header, steps: [...header.steps, 'dance'] },
      /^this bot does not know the step dance of PG-1\. Writes are on\.$/,
    ],
    ['another format', { at: 1, type: 'run.started', ...header, format: 2 as 1 }, /^the facts of PG-1 have the format 2/],
  ])('stops with a sentence at %s', (_name, first, reason) => {
    const state = fold([first], shape);
    expect(state.blocked?.reason).toMatch(reason);
    expect(next(state, shape).do).toBe('await-human');
  });
  test('stops with a sentence at a fact it does not know', () => {
    const state = fold([...log(), { at: 2, type: 'moon.phase' } as unknown as Fact], shape);
    expect(state.blocked).toMatchObject({ code: 'run.not-understood', fate: 'fatal' });
  });
  test('has nothing to complain about when the run has ended', () => {
    const first: Fact = { at: 1, type: 'run.started', ...header, steps: ['dance'] };
    expect(fold([first, { at: 2, type: 'run.finished' }], shape).status).toBe('finished');
  });
});

describe('the epoch', () => {
  const bodies: Readonly<Record<FactType, FactBody>> = {
    'run.started': { type: 'run.started', ...header },
    'run.due': { type: 'run.due' },
    'step.started': started('prepare'),
    'fact.recorded': { type: 'fact.recorded', step: 'prepare', key: 'k', value: 1 },
    'step.done': done('prepare'),
    'step.blocked': block('prepare'),
    'step.skipped': { type: 'step.skipped', step: 'prepare', by: 'U1', reason: '' },
    'step.undone': { type: 'step.undone', step: 'prepare', how: 'kept', why: '' },
    'gate.asked': gate,
    'gate.rechecked': { type: 'gate.rechecked', gate: 'approve-cutover', nonce: 'n1', by: 'U1' },
    'gate.expired': { type: 'gate.expired', gate: 'approve-cutover', nonce: 'n1' },
    'vote.cast': { type: 'vote.cast', gate: 'approve-cutover', nonce: 'n1', by: 'U1', vote: 'approve' },
    'vote.withdrawn': { type: 'vote.withdrawn', gate: 'approve-cutover', nonce: 'n1', by: 'U1' },
    'gate.decided': decided('approved'),
    'task.asked': { type: 'task.asked', step: 'prepare', what: [], verifiedBy: '' },
    'task.done': { type: 'task.done', step: 'prepare', by: 'U1', answer: '' },
    'retry.requested': { type: 'retry.requested', step: 'prepare', by: 'U1' },
    'sessions.disconnected': { type: 'sessions.disconnected', step: 'prepare', by: 'U1', ended: [], left: [] },
    'pause.requested': { type: 'pause.requested', by: 'U1', reason: '' },
    'run.handed-over': { type: 'run.handed-over', by: 'U1', to: 'U2' },
    'run.resumed': { type: 'run.resumed', by: 'U1' },
    'abort.requested': { type: 'abort.requested', by: 'U1', reason: '' },
    'undo.begun': { type: 'undo.begun', reason: '' },
    'copy.restart-requested': { type: 'copy.restart-requested', by: 'U1', reason: '', to: 'prepare' },
    'copy.taken-back': { type: 'copy.taken-back' },
    'deadline.set': { type: 'deadline.set', dueAt: 1 },
    'promotion.called': { type: 'promotion.called' },
    'promotion.refused': { type: 'promotion.refused', reason: '' },
    'give-back.begun': { type: 'give-back.begun', reason: '' },
    'writes.given-back': { type: 'writes.given-back', offForMs: 1 },
    note: { type: 'note', by: 'U1', text: '' },
    'way-back.tended': { type: 'way-back.tended', did: [], warnings: ['type x was changed'], gaps: [] },
    'proof.kept': { type: 'proof.kept', step: 'a', kept: { since: 1, differing: [], problems: [], prints: {} } },
    'run.finished': { type: 'run.finished' },
    'run.aborted': { type: 'run.aborted' },
    'leg.begun': { type: 'leg.begun', leg: 'rollback', by: 'U1', reason: '', steps: [] },
    'leg.abandoned': { type: 'leg.abandoned', leg: 'rollback', releases: false },
    'run.rolled-back': { type: 'run.rolled-back' },
    'run.retired': { type: 'run.retired' },
  };
  const counting = [
    'run.started',
    'run.due',
    'step.done',
    'step.blocked',
    'step.skipped',
    'step.undone',
    'gate.decided',
    'gate.rechecked',
    'task.done',
    'retry.requested',
    'run.resumed',
    'writes.given-back',
    'undo.begun',
    'copy.restart-requested',
    'copy.taken-back',
    'leg.begun',
    'leg.abandoned',
  ];
  test.each(Object.values(bodies).map((body) => [body.type, body] as const))('%s', (type, body) => {
    const moved = fold(log(body), shape).epoch - fold(log(), shape).epoch;
    expect(moved).toBe(counting.includes(type) ? 1 : 0);
    expect(movesEpoch[type]).toBe(counting.includes(type));
  });
});

test('the shape says of every step how it is undone', () => {
  const undo = (one: Partial<StepShape>) => shapeOf(fileRunbook([{ id: 'x', undo: one.undo ?? 'function' }]))[0]?.undo;
  expect((['function', 'keep', 'ask', 'irreversible'] as const).map((kind) => undo({ undo: kind }))).toEqual([
    'function',
    'keep',
    'ask',
    'irreversible',
  ]);
});
