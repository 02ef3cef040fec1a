import type { RunbookShape, StepShape } from './state.ts';
import type { Leg, Phase, Runbook, Step } from './step.ts';

/** The runbook as data: what fold and next need to know of the steps, without their code. */
export function shapeOf<C>(runbook: Runbook<C>): RunbookShape {
  return runbook.flatMap((phase) => phase.steps.map((step) => stepShape(phase, step)));
}

/** The steps of a runbook by id. */
export function stepsOf<C>(runbook: Runbook<C>): ReadonlyMap<string, Step<C>> {
  return new Map(runbook.flatMap((phase) => phase.steps.map((step) => [step.id, step] as const)));
}

/** The ids of a leg's steps, in order. */
export function idsOf(shape: RunbookShape, leg: Leg): readonly string[] {
  return shape.flatMap((step) => (step.leg === leg ? [step.id] : []));
}

/** The phases of one leg. */
export function phasesOfLeg<C>(runbook: Runbook<C>, leg: Leg): Runbook<C> {
  return runbook.filter((phase) => (phase.leg ?? 'upgrade') === leg);
}

function stepShape<C>(phase: Phase<C>, step: Step<C>): StepShape {
  const undo = undoKind(step);
  return {
    id: step.id,
    leg: phase.leg ?? 'upgrade',
    title: step.title,
    phase: phase.name,
    impact: step.impact,
    gated: step.gate !== undefined,
    skippable: step.skippable === true,
    irreversible: undo === 'irreversible',
    undo,
    ...(step.writeStop === undefined ? {} : { writeStop: step.writeStop }),
    ...(step.copy === undefined ? {} : { copy: step.copy }),
  };
}

function undoKind<C>(step: Step<C>): StepShape['undo'] {
  if (typeof step.undo === 'function') return 'function';
  if ('irreversible' in step.undo) return 'irreversible';
  return 'ask' in step.undo ? 'ask' : 'keep';
}

/**
 * The order of a leg's steps: as they were when it began, and each step that the runbook gained since then right behind
 * its predecessor. `gained` are the new ones, `missing` those that this version of the bot does not know.
 */
export function orderOf(header: readonly string[], leg: Leg, runbook: RunbookShape) {
  const shape = runbook.filter((step) => step.leg === leg);
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
