import type { Fact } from '../../engine/facts.ts';

/** A time in which the run waited for people. Milliseconds since the epoch. */
export interface Wait {
  readonly from: number;
  readonly to: number;
}

/** From a question, a task, a failure or a pause to its answer; the last one may still be open until `end`. */
export function waitsOf(facts: readonly Fact[], end: number): readonly Wait[] {
  const waits: Wait[] = [];
  let since: number | undefined;
  for (const fact of facts) {
    if (begins.has(fact.type)) since ??= fact.at;
    else if (ends.has(fact.type) && since !== undefined) {
      waits.push({ from: since, to: fact.at });
      since = undefined;
    }
  }
  return since === undefined ? waits : [...waits, { from: since, to: end }];
}

const begins: ReadonlySet<Fact['type']> = new Set<Fact['type']>(['gate.asked', 'task.asked', 'step.blocked', 'pause.requested']);
const ends: ReadonlySet<Fact['type']> = new Set<Fact['type']>([
  'gate.decided',
  'task.done',
  'retry.requested',
  'step.skipped',
  'run.resumed',
  'undo.begun',
  'copy.restart-requested',
  'give-back.begun',
  'run.finished',
  'run.aborted',
  'run.rolled-back',
  'run.retired',
]);

/** How much of the time between two moments the run waited, in ms. */
export function waited(waits: readonly Wait[], from: number, to: number): number {
  return waits.reduce((sum, wait) => sum + Math.max(0, Math.min(wait.to, to) - Math.max(wait.from, from)), 0);
}
