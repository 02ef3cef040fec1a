import { describe, expect, it } from 'vitest';
import type { Fact, FactBody } from '../../src/engine/facts.ts';
import { failureFacts, failureOf } from '../../src/engine/failure.ts';
import { fold } from '../../src/engine/fold.ts';
import { pause } from '../../src/engine/moves.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { mustGiveBack } from '../../src/engine/writes.ts';
import { Fatal, NeedsHuman } from '../../src/errors.ts';
import { runbook } from '../../src/runbook.ts';
import { begun } from '../support/slack-runs.ts';

/** The real procedure, stopped at each of its steps from the promotion on. */
const shape = shapeOf(runbook);
const upgrade = shape.filter(({ leg }) => leg === 'upgrade').map(({ id }) => id);
const called = upgrade.indexOf('promote-destination');
const opened = upgrade.indexOf('start-services');

function stateAt(step: string, promoted: boolean) {
  const before = upgrade.slice(0, upgrade.indexOf(step));
  const facts: FactBody[] = [{ ...begun, steps: upgrade } as FactBody];
  for (const id of before) {
    facts.push({ type: 'step.started', step: id, attempt: 1, token: 1 });
    if (id === 'stop-workers') facts.push({ type: 'deadline.set', dueAt: 60_000 });
    if (id === 'promote-destination' && promoted) facts.push({ type: 'promotion.called' });
    facts.push({ type: 'step.done', step: id, evidence: 'done', changed: true });
  }
  facts.push({ type: 'step.started', step, attempt: 1, token: 1 });
  if (step === 'promote-destination' && promoted) facts.push({ type: 'promotion.called' });
  return fold(
    facts.map((fact, at): Fact => ({ at, ...fact })),
    shape,
  );
}
const failures = [
  new NeedsHuman('x.y', 'It failed', { remedy: 'Look.' }),
  new Fatal('x.y', 'It broke'),
  new TypeError('nobody foresaw it'),
];
const givesBack = (facts: readonly FactBody[]) => facts.some(({ type }) => type === 'give-back.begun');

describe('once the promotion was called', () => {
  it.each(upgrade.slice(called))('%s fails, is paused or outlasts the deadline: nothing is given back by itself', (step) => {
    const state = stateAt(step, true);
    expect(mustGiveBack(state)).toBe(false);
    for (const error of failures) expect(givesBack(failureFacts(state, step, failureOf(error), false))).toBe(false);
    const paused = pause(state, 'ann', 'x');
    expect(paused.kind === 'facts' && givesBack(paused.facts)).toBe(false);
  });

  it.each(upgrade.slice(called, opened + 1))('a failure of %s says that writes are off', (step) => {
    const [blocked] = failureFacts(stateAt(step, true), step, failureOf(failures[0]), false);
    expect(blocked).toMatchObject({ type: 'step.blocked', reason: expect.stringContaining('Writes are OFF since') });
  });
});

describe('once the old instance was opened', () => {
  const rollback = shape.filter(({ leg }) => leg === 'rollback').map(({ id }) => id);
  const opening = rollback.indexOf('open-source');
  function backAt(step: string, opened: boolean) {
    const facts: FactBody[] = [{ ...begun, steps: upgrade } as FactBody];
    for (const id of upgrade) facts.push({ type: 'step.done', step: id, evidence: 'done', changed: true });
    facts.push({ type: 'run.finished' }, { type: 'leg.begun', leg: 'rollback', by: 'ann', reason: 'x', steps: rollback });
    const on = (id: string) => {
      facts.push({ type: 'step.started', step: id, attempt: 1, token: 1 });
      if (id === 'stop-services-for-rollback') facts.push({ type: 'deadline.set', dueAt: 60_000 });
      if (id === 'open-source' && opened) facts.push({ type: 'promotion.called' });
    };
    for (const id of rollback.slice(0, rollback.indexOf(step))) {
      on(id);
      facts.push({ type: 'step.done', step: id, evidence: 'done', changed: true });
    }
    on(step);
    return fold(
      facts.map((fact, at): Fact => ({ at, ...fact })),
      shape,
    );
  }

  it.each(rollback.slice(opening))('%s fails, is paused or outlasts the deadline: nothing is given back by itself', (step) => {
    const state = backAt(step, true);
    expect(mustGiveBack(state)).toBe(false);
    for (const error of failures) expect(givesBack(failureFacts(state, step, failureOf(error), false))).toBe(false);
    const paused = pause(state, 'ann', 'x');
    expect(paused.kind === 'facts' && givesBack(paused.facts)).toBe(false);
  });

  it.each(rollback.slice(rollback.indexOf('fence-destination'), opening + 1))('before it a failure of %s gives the writes back', (step) => {
    const state = backAt(step, false);
    expect(mustGiveBack(state)).toBe(true);
    for (const error of failures) expect(givesBack(failureFacts(state, step, failureOf(error), false))).toBe(true);
  });
});

describe('before it', () => {
  it.each(upgrade.slice(upgrade.indexOf('stop-web'), called + 1))('a failure of %s gives the writes back', (step) => {
    const state = stateAt(step, false);
    expect(mustGiveBack(state)).toBe(true);
    for (const error of failures) expect(givesBack(failureFacts(state, step, failureOf(error), false))).toBe(true);
  });
});
