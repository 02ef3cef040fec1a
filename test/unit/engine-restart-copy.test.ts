import { describe, expect, it, test } from 'vitest';
import type { Decision } from '../../src/engine/approvals.ts';
import type { Fact, FactBody } from '../../src/engine/facts.ts';
import { failureFacts, failureOf } from '../../src/engine/failure.ts';
import { fold } from '../../src/engine/fold.ts';
import { abort, pause, restartCopy, retry, skip } from '../../src/engine/moves.ts';
import { endFact, next } from '../../src/engine/next.ts';
import { proofToKeep } from '../../src/engine/proof.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import type { RunState } from '../../src/engine/state.ts';
import { NeedsHuman } from '../../src/errors.ts';
import { owedBy } from '../../src/jobs/owed.ts';
import { runbook } from '../../src/runbook.ts';
import { logOf, runStarted } from '../support/engine-log.ts';
import { copySteps, fileLegs, returnSteps } from '../support/file-runbook.ts';

const shape = shapeOf(fileLegs({ upgrade: copySteps, rollback: returnSteps }));
const header: FactBody = runStarted(copySteps.map(({ id }) => id));
const log = (bodies: readonly FactBody[]) => logOf(header, ...bodies);
const state = (...bodies: readonly FactBody[]) => fold(log(bodies), shape);
const started = (step: string): FactBody => ({ type: 'step.started', step, attempt: 1, token: 1 });
const done = (step: string): FactBody => ({ type: 'step.done', step, evidence: step, changed: true });
const undone = (step: string): FactBody => ({ type: 'step.undone', step, how: 'undone', why: '' });
const carried = (...steps: readonly string[]) => steps.flatMap((step) => [started(step), done(step)]);
const blocked = (step: string, more: Partial<Extract<FactBody, { type: 'step.blocked' }>> = {}): FactBody => ({
  type: 'step.blocked',
  step,
  code: 'schema.changed',
  reason: 'r.',
  remedy: 'm',
  fate: 'human',
  undoing: false,
  ...more,
});
const gate: FactBody = {
  type: 'gate.asked',
  gate: 'approve-cutover',
  step: 'approve-cutover',
  nonce: 'n1',
  planHash: 'h',
  plan: ['p'],
  shown: [],
  question: '?',
  expiresAt: 99_000,
};
const approved: FactBody = {
  type: 'gate.decided',
  gate: 'approve-cutover',
  nonce: 'n1',
  decision: 'approved',
  by: ['ann'],
  planHash: 'h',
};
const copied = carried('create', 'grant', 'hold', 'copy');
const asked: FactBody = { type: 'copy.restart-requested', by: 'ann', reason: 'DDL', to: 'hold' };
const off: readonly FactBody[] = [
  gate,
  approved,
  done('approve-cutover'),
  started('stop-workers'),
  { type: 'deadline.set', dueAt: 60_000 },
];
const types = (decision: Decision) => (decision.kind === 'facts' ? decision.facts.map((fact) => fact.type) : decision.code);
const ask = (now: RunState, reason = 'DDL') => restartCopy(now, shape, 'ann', reason);
const statusOf = (now: RunState) => now.steps.map(({ id, status }) => `${id} ${status}`);

describe('asking for it', () => {
  const table: readonly (readonly [string, Decision, readonly string[] | string])[] = [
    ['while the copy is stopped', ask(state(...copied, blocked('compare'))), ['copy.restart-requested']],
    ['while it goes on', ask(state(...copied)), ['copy.restart-requested']],
    ['while the run is paused', ask(state(...copied, { type: 'pause.requested', by: 'bob', reason: '' })), ['copy.restart-requested']],
    ['at the gate', ask(state(...copied, gate)), ['copy.restart-requested']],
    [
      'inside the write stop: the writes are given back first',
      ask(state(...copied, ...off)),
      ['copy.restart-requested', 'give-back.begun'],
    ],
    ['before a copy has begun', ask(state(...carried('create', 'grant'))), 'copy.not-begun'],
    ['before anything', ask(state()), 'copy.not-begun'],
    ['after the promotion was called', ask(state(...copied, ...off, { type: 'promotion.called' })), 'copy.over'],
    [
      'in a rollback',
      ask(state(...copied, { type: 'leg.begun', leg: 'rollback', by: 'bob', reason: 'r', steps: returnSteps.map(({ id }) => id) })),
      'copy.over',
    ],
    ['after something that cannot be undone', ask(state(...copied, started('clean-up'))), 'copy.over'],
    ['of a run that has ended', ask(state(...copied, { type: 'run.finished' })), 'run.ended'],
    ['of no run', ask(fold([], shape)), 'run.unknown'],
    ['without a reason', ask(state(...copied), ' '), 'copy.reason-missing'],
    ['a second time', ask(state(...copied, asked)), 'copy.restarting'],
    ['while the run is aborted', ask(state(...copied, { type: 'abort.requested', by: 'bob', reason: 'r' })), 'run.aborting'],
    ['meanwhile: a pause', pause(state(...copied, asked), 'bob', 'x'), 'copy.restarting'],
    ['meanwhile: an abort', abort(state(...copied, asked), shape, 'bob', 'x'), ['abort.requested']],
  ];
  test.each(table)('%s', (_name, decision, expected) => {
    expect(types(decision)).toEqual(expected);
    if (decision.kind === 'refused') expect(decision.message).toMatch(/^[A-Z][^\n]+\.$/);
  });

  it('says which step it goes back to, and why', () => {
    const decision = ask(state(...copied), ' DDL ');
    expect(decision).toMatchObject({ facts: [{ by: 'ann', reason: 'DDL', to: 'hold' }] });
    expect(decision.message).toContain('ann restarts the copy of PG-1: DDL. Writes are on; ');
    expect(ask(state(...copied, ...off)).message).toContain('The writes are given back first; ');
  });
});

describe('the take-back', () => {
  it('undoes down to where the copy begins, latest first, and what was found done too', () => {
    const facts: FactBody[] = [...copied, done('compare'), asked];
    for (const step of ['compare', 'copy', 'hold']) {
      expect(state(...facts)).toMatchObject({ status: 'undoing', current: step });
      expect(next(state(...facts), shape)).toEqual({ do: 'undo', step });
      facts.push(undone(step));
    }
    const move = next(state(...facts), shape);
    expect(move).toEqual({ do: 'end', as: 'copy.taken-back' });
    if (move.do === 'end') expect(endFact(state(...facts), move)).toEqual({ type: 'copy.taken-back' });
  });

  it('clears what the run waited for', () => {
    const waits: readonly (readonly FactBody[])[] = [
      [gate],
      [{ type: 'task.asked', step: 'compare', what: [], verifiedBy: '' }],
      [blocked('compare', { restartCopy: true })],
      [started('compare'), { type: 'pause.requested', by: 'bob', reason: '' }],
    ];
    for (const wait of waits)
      expect(state(...copied, ...wait, asked)).toMatchObject({
        status: 'undoing',
        gate: undefined,
        task: undefined,
        blocked: undefined,
        pause: undefined,
        takingBack: { to: 'hold', by: 'ann', reason: 'DDL' },
      });
  });

  it('begins when the writes are given back, and stops nowhere for it', () => {
    const giving = [...copied, ...off, asked, { type: 'give-back.begun', reason: 'r' } as const];
    expect(next(state(...giving), shape)).toEqual({ do: 'give-back', reason: 'r' });
    const back = state(...giving, undone('stop-workers'), { type: 'writes.given-back', offForMs: 5 });
    expect(back).toMatchObject({ status: 'undoing', blocked: undefined, writesOffSince: undefined });
    expect(next(back, shape)).toEqual({ do: 'undo', step: 'copy' });
  });

  it('waits for people where the writes cannot be given back: only they say that it may be tried again', () => {
    const stuck = state(
      ...copied,
      ...off,
      { type: 'give-back.begun', reason: 'r' },
      blocked('stop-workers', { undoing: true, code: 'workloads.by-hand' }),
      asked,
    );
    expect(next(stuck, shape)).toEqual({ do: 'await-human', step: 'stop-workers' });
  });

  it('that fails is put before people, and is tried again, never skipped: the old copy would be found begun', () => {
    const failed = [...copied, asked, blocked('copy', { undoing: true })];
    expect(state(...failed)).toMatchObject({ status: 'blocked', blocked: { undoing: true, skippable: false } });
    expect(types(skip(state(...failed), 'ann', 'copy', 'x'))).toBe('step.not-skippable');
    expect(types(retry(state(...failed), 'ann'))).toEqual(['retry.requested']);
    expect(next(state(...failed, { type: 'retry.requested', step: 'copy', by: 'ann' }), shape)).toEqual({ do: 'undo', step: 'copy' });
  });

  it('asks where a step is only undone if people approve, and keeps it where they do not', () => {
    const asking = shapeOf(fileLegs({ upgrade: copySteps.map((step) => (step.id === 'copy' ? { ...step, undo: 'ask' } : step)) }));
    const question: FactBody = { ...gate, gate: 'undo:copy', step: 'copy' };
    const facts = log([...copied, asked, question]);
    expect(next(fold(facts, asking), asking)).toEqual({ do: 'await-gate', gate: 'undo:copy' });
    const no: Fact = { at: 1, ...approved, type: 'gate.decided', gate: 'undo:copy', decision: 'rejected', reason: 'no' };
    const rejected = fold([...facts, no], asking);
    expect(rejected).toMatchObject({ status: 'undoing', blocked: undefined });
    expect(rejected.rejected.has('undo:copy')).toBe(true);
    expect(next(rejected, asking)).toEqual({ do: 'undo', step: 'copy' });
  });

  it('gives way to an abort, which undoes everything', () => {
    const aborted: FactBody[] = [...copied, asked, undone('copy'), { type: 'abort.requested', by: 'bob', reason: 'enough' }];
    expect(state(...aborted)).toMatchObject({ status: 'aborting', takingBack: undefined });
    for (const step of ['hold', 'grant', 'create']) {
      expect(next(state(...aborted), shape)).toEqual({ do: 'undo', step });
      aborted.push(undone(step));
    }
    expect(next(state(...aborted), shape)).toEqual({ do: 'end', as: 'run.aborted' });
  });

  it('leaves no proof to be kept', () => {
    const proving = [...copied, { type: 'fact.recorded', step: 'copy', key: 'proof', value: { since: 1, prints: {} } }] as const;
    expect(proofToKeep(state(...proving), { upgrade: 'copy' })).toMatchObject({ step: 'copy' });
    for (const more of [[asked], [asked, gate], [asked, blocked('compare', { undoing: true })]] as const)
      expect(proofToKeep(state(...proving, ...more), { upgrade: 'copy' })).toBeUndefined();
  });

  it('is named by the log as jobs, each of its own', () => {
    const ids = (...bodies: readonly FactBody[]) => owedBy(state(...bodies), shape).map(({ id, data }) => `${id} ${data.kind}`);
    const during = [...copied, started('compare')];
    expect(ids(...during)).toEqual(['PG-1-ab12cd34-5 execute']);
    expect(ids(...during, asked)).toEqual(['PG-1-ab12cd34-6-undo undo']);
    expect(ids(...during, asked, undone('compare'))).toEqual(['PG-1-ab12cd34-7-undo undo']);
    expect(ids(...during, asked, undone('compare'), undone('copy'), undone('hold'))).toEqual([]);
    expect(ids(...during, asked, undone('compare'), undone('copy'), undone('hold'), { type: 'copy.taken-back' })).toEqual([
      'PG-1-ab12cd34-10 execute',
    ]);
    // The writes first: every process attends to that, and nothing is undone meanwhile.
    expect(ids(...copied, ...off, asked, { type: 'give-back.begun', reason: 'r' })).toEqual([]);
  });
});

describe('when it is taken back', () => {
  const back = [
    ...copied,
    gate,
    approved,
    { type: 'task.done', step: 'hold', by: 'ann', answer: 'yes' } as const,
    asked,
    ...['copy', 'hold'].map(undone),
    { type: 'copy.taken-back' } as const,
  ];

  it('the run goes on: what prepared the copy looks again, and then the copy begins anew', () => {
    const now = state(...back);
    expect(now).toMatchObject({ status: 'running', current: 'grant', takingBack: undefined });
    expect(statusOf(now).slice(0, 5)).toEqual(['create done', 'grant pending', 'hold pending', 'copy pending', 'compare pending']);
    expect(next(state(...back, done('grant')), shape)).toEqual({ do: 'execute', step: 'hold' });
    expect(types(ask(state(...back, done('grant'))))).toBe('copy.not-begun');
    expect(types(ask(state(...back, ...carried('grant', 'hold'))))).toEqual(['copy.restart-requested']);
  });

  it('approvals and answers are void, and the ledger is not', () => {
    const now = state({ type: 'fact.recorded', step: 'copy', key: 'memberships', value: [1] }, ...back);
    expect([now.approved.size, now.answers.size, now.rejected.size]).toEqual([0, 0, 0]);
    expect(now.records.get('copy')?.get('memberships')).toEqual([1]);
  });

  it('an abort still undoes what prepared the copy, although it has only been looked at since', () => {
    const aborted = [...back, done('grant'), { type: 'abort.requested', by: 'bob', reason: 'enough' } as const];
    expect(next(state(...aborted), shape)).toEqual({ do: 'undo', step: 'grant' });
    expect(next(state(...back, { type: 'abort.requested', by: 'bob', reason: 'enough' }), shape)).toEqual({ do: 'undo', step: 'grant' });
  });

  it('a step that the runbook gained inside the copy is asked for, although the run had passed its place', () => {
    const facts = log([...carried('create', 'grant', 'hold', 'compare'), gate, asked, ...['compare', 'hold'].map(undone)]);
    const older = facts.map((fact) => (fact.type === 'run.started' ? { ...fact, steps: fact.steps.filter((id) => id !== 'copy') } : fact));
    expect(fold(older, shape).steps.map(({ id }) => id)).not.toContain('copy');
    const now = fold([...older, { at: 1, type: 'copy.taken-back' }], shape);
    expect(now.steps.map(({ id }) => id)).toEqual(copySteps.map(({ id }) => id));
  });
});

describe('a failure that a new copy makes good', () => {
  it('says so in the log, and an older log says it of none', () => {
    const failure = failureOf(new NeedsHuman('schema.not-carried', 'm', { remedy: 'r', restartCopy: true }));
    const [fact] = failureFacts(state(...copied), 'compare', failure, false);
    expect(fact).toMatchObject({ type: 'step.blocked', restartCopy: true });
    expect(fact && state(...copied, fact).blocked?.restartCopy).toBe(true);
    expect(state(...copied, blocked('compare')).blocked?.restartCopy).toBe(false);
    const [other] = failureFacts(state(...copied), 'compare', failureOf(new NeedsHuman('a.b', 'm', { remedy: 'r' })), false);
    expect(other).not.toHaveProperty('restartCopy');
  });
});

it('the runbook has one place where a copy begins, in the upgrade, and what prepares it before that', () => {
  const steps = shapeOf(runbook);
  expect(steps.filter(({ copy }) => copy === 'begins').map(({ id, leg }) => `${leg} ${id}`)).toEqual(['upgrade hold-schema-changes']);
  const first = steps.findIndex(({ copy }) => copy === 'begins');
  expect(steps.flatMap(({ copy }, index) => (copy === 'prepares' ? [index < first] : []))).toEqual([true, true, true]);
  expect(steps.slice(first).filter(({ leg, undo }) => leg === 'upgrade' && undo === 'ask')).toEqual([]);
});
