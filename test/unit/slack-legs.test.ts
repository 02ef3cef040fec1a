import { describe, expect, it } from 'vitest';
import type { FactBody } from '../../src/engine/facts.ts';
import { idsOf, shapeOf } from '../../src/engine/shape.ts';
import { runbook } from '../../src/runbook.ts';
import { renderBoard } from '../../src/slack/render/board.ts';
import { renderModal } from '../../src/slack/render/modals.ts';
import { limitProblems } from '../support/slack-limits.ts';
import { begun, doneFacts, viewOf } from '../support/slack-runs.ts';

const shape = shapeOf(runbook);
const upgrade = idsOf(shape, 'upgrade');
const until = (step: string) => upgrade.slice(0, upgrade.indexOf(step));
const called: FactBody = { type: 'promotion.called' };
const deadline: FactBody = { type: 'deadline.set', dueAt: 0 };
const leg = (name: 'rollback' | 'retire'): FactBody => ({
  type: 'leg.begun',
  leg: name,
  by: 'U0OPERATOR',
  reason: 'slow',
  steps: idsOf(shape, name),
});

function board(...bodies: readonly FactBody[]) {
  const view = viewOf(bodies, { shape });
  const facts = view.facts.map((fact) => (fact.type === 'run.started' ? { ...begun, ...fact, steps: upgrade } : fact));
  const message = renderBoard({ ...viewOf(bodies, { shape }), facts, state: view.state });
  expect(limitProblems(message)).toEqual([]);
  return JSON.stringify(message.blocks);
}

const promoted = [
  ...doneFacts(...until('stop-workers')),
  deadline,
  ...doneFacts(...until('promote-destination').slice(until('stop-workers').length)),
  called,
];
const finished = [...promoted, ...doneFacts(...upgrade.slice(upgrade.indexOf('promote-destination'))), { type: 'run.finished' } as const];

describe('a comparison on the board', () => {
  it('is offered once the destination follows, until the writes stop', () => {
    expect(board(...doneFacts(...until('wait-for-sync')))).not.toContain('run:validate');
    expect(board(...doneFacts(...until('prepare-switch')))).toContain('run:validate');
    expect(board(...doneFacts(...until('stop-workers')), deadline)).not.toContain('run:validate');
    expect(board(...finished)).not.toContain('run:validate');
  });
});

describe('the way back on the board', () => {
  it('may be ended by its button once the run has finished, and only then', () => {
    expect(board(...promoted)).not.toContain('run:retire');
    expect(board(...finished)).toContain('run:retire');
    expect(board(...finished, leg('retire'))).not.toContain('run:retire');
    expect(board(...finished, leg('rollback'))).not.toContain('run:retire');
  });
  it('is not offered before the promotion is called: Abort is', () => {
    expect(board(...doneFacts('preflight'))).not.toContain('run:rollback');
    expect(board(...doneFacts('preflight'))).toContain('run:abort');
  });
  it('returns to the source while nothing is written on the new instance', () => {
    const blocked: FactBody = {
      type: 'step.blocked',
      step: 'arm-way-back',
      code: 'c',
      reason: 'r.',
      remedy: 'm',
      fate: 'human',
      undoing: false,
    };
    expect(board(...promoted, ...doneFacts('promote-destination', 'hand-over-ownership'), blocked)).toContain('Return to the source');
  });
  it('is offered for a run that has finished with it armed, with the day until when', () => {
    expect(board(...finished)).toContain('Roll back');
    expect(board(...finished)).toContain('way back armed until');
  });
  it('is not offered once the run is rolled back, or retired', () => {
    expect(board(...finished, leg('rollback'))).not.toContain('run:rollback');
    expect(board(...finished, leg('rollback'), { type: 'run.rolled-back' })).not.toContain('run:rollback');
    expect(board(...finished, leg('retire'), ...doneFacts('disarm-way-back'))).not.toContain('run:rollback');
  });
  it('says which leg the run is on, and where writes go', () => {
    expect(board(...finished, leg('rollback'))).toContain('Rolling back');
    expect(board(...finished, leg('retire'))).toContain('Retiring the old instance');
  });
});

it('the button asks for the run’s name and a reason', () => {
  const modal = renderModal({ action: 'run:rollback', value: 'PG-1', channel: 'C0MIGRATION' });
  expect(modal?.blocks.map((block) => block.block_id).filter(Boolean)).toEqual(['typed', 'reason']);
});
