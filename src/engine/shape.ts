import type { RunbookShape, StepShape } from './state.ts';
import type { Runbook, Step } from './step.ts';

/** The runbook as data: what fold and next need to know of the steps, without their code. */
export function shapeOf<C>(runbook: Runbook<C>): RunbookShape {
  return runbook.flatMap((phase) => phase.steps.map((step) => stepShape(phase.name, step)));
}

/** The steps of a runbook by id. */
export function stepsOf<C>(runbook: Runbook<C>): ReadonlyMap<string, Step<C>> {
  return new Map(runbook.flatMap((phase) => phase.steps.map((step) => [step.id, step] as const)));
}

function stepShape<C>(phase: string, step: Step<C>): StepShape {
  const undo = undoKind(step);
  return {
    id: step.id,
    title: step.title,
    phase,
    impact: step.impact,
    gated: step.gate !== undefined,
    skippable: step.skippable === true,
    irreversible: undo === 'irreversible',
    undo,
    ...(step.writeStop === undefined ? {} : { writeStop: step.writeStop }),
  };
}

function undoKind<C>(step: Step<C>): StepShape['undo'] {
  if (typeof step.undo === 'function') return 'function';
  if ('irreversible' in step.undo) return 'irreversible';
  return 'ask' in step.undo ? 'ask' : 'keep';
}

/**
 * The order of a run's steps: as they were when it began, and each step that the runbook gained since then right behind
 * its predecessor. `gained` are the new ones, `missing` those that this version of the bot does not know.
 */
export function orderOf(header: readonly string[], shape: RunbookShape) {
  const order = [...header];
  const gained = new Set<string>();
  shape.forEach((step, index) => {
    if (order.includes(step.id)) return;
    const before = shape[index - 1];
    order.splice(before ? order.indexOf(before.id) + 1 : 0, 0, step.id);
    gained.add(step.id);
  });
  const known = new Set(shape.map((step) => step.id));
  return { order, gained, missing: header.filter((id) => !known.has(id)) };
}
