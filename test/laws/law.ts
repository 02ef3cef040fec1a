import type { Clients } from '../../src/clients.ts';
import { executeStep } from '../../src/engine/execute.ts';
import { abort } from '../../src/engine/moves.ts';
import type { RunState } from '../../src/engine/state.ts';
import type { Observation, Step, UndoFunction } from '../../src/engine/step.ts';
import { NeedsHuman } from '../../src/errors.ts';
import type { Fixture } from './fixtures.ts';
import { type Stage, shape, stepOf } from './stage.ts';

const patienceMs = 90_000;

/** The laws that a step obeys are those of its undo. */
export type Law = 'undoable' | 'undoable in reverse order' | 'kept' | 'irreversible';

export function lawOf(step: Step<Clients>, fixture: Fixture): Law {
  if (undoOf(step)) return fixture.onlyInReverseOrder === undefined ? 'undoable' : 'undoable in reverse order';
  return typeof step.undo === 'object' && 'irreversible' in step.undo ? 'irreversible' : 'kept';
}

function undoOf({ undo }: Step<Clients>): UndoFunction<Clients> | undefined {
  if (typeof undo === 'function') return undo;
  return 'ask' in undo ? undo.undo : undefined;
}

/**
 * todo → apply → done → apply again, still done. What can be undone: → undo → the same todo → undo again, the same →
 * apply → done. Before an irreversible step the run can be aborted, after it the engine refuses.
 */
export async function obey(stage: Stage, step: Step<Clients>, fixture: Fixture): Promise<void> {
  const law = lawOf(step, fixture);
  const inPhase = phases(step);
  const first = await inPhase('first look', () => look(stage, step));
  const expected = fixture.first ?? ['todo'];
  if (!expected.some((state) => state === first.state)) throw broken(step, 'first look', `expected ${expected.join(' or ')}`, first);
  const forward = async (phase: string) => {
    await inPhase(phase, () => carryOut(stage, step.id, fixture));
    await inPhase(`${phase}, seen from outside`, async () => fixture.applied?.(stage));
  };
  await forward('apply');
  if (step.apply) {
    await inPhase('apply again', () => stage.execute(step.id, async ({ clients }, run) => step.apply?.(clients, run)));
    await inPhase('apply again, another look', () => stillDone(stage, step));
  }
  if (law === 'undoable') {
    for (const phase of ['undo', 'undo again']) await inPhase(phase, () => undoInPlace(stage, step, fixture));
    await inPhase('undo, seen from outside', async () => fixture.undone?.(stage));
    const again = await inPhase('undo, another look', () => look(stage, step));
    const [was, is] = [planOf(first, fixture), planOf(again, fixture)];
    if (was !== is) throw broken(step, 'undo', `expected the first plan again:\n${was}\n`, again);
    await forward('apply after undo');
  }
  await inPhase('abort', () => abortIsRefusedOnceIrreversible(stage));
}

/** As the engine carries it out: gates are approved, tasks done. */
export async function carryOut(stage: Stage, id: string, fixture: Fixture): Promise<void> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const state = await stage.state();
    if (state.steps.find((one) => one.id === id)?.status === 'done') return;
    if (state.blocked) throw new Error(`${state.blocked.code}: ${state.blocked.reason} ${state.blocked.remedy}`);
    if (state.gate) await approve(stage, state.gate);
    else if (state.task) await answer(stage, id, fixture);
    else {
      const outcome = await stage.execute(id, (execution) => executeStep(execution, id));
      if (outcome.kind === 'stale' || outcome.kind === 'interrupted')
        throw new Error(`the engine says ${outcome.kind}; next is ${state.current}`);
      if (outcome.kind === 'again') await new Promise((resolve) => setTimeout(resolve, Math.min(outcome.inMs, 300)));
    }
    if (Date.now() > end) throw new Error(`not done after ${patienceMs / 1000} s`);
  }
}

export async function approve(stage: Stage, { gate, nonce, planHash }: NonNullable<RunState['gate']>): Promise<void> {
  await stage.append({ type: 'gate.decided', gate, nonce, planHash, decision: 'approved', by: ['U0APPROVER'] });
}

async function answer(stage: Stage, step: string, fixture: Fixture): Promise<void> {
  if (!fixture.person) throw new Error('a person is asked to do something, and its fixture has nobody who does it');
  await stage.append({ type: 'task.done', step, by: 'U0OPERATOR', answer: fixture.person(stage) });
}

/** Looks until there is something to see; the look may change nothing. */
async function look(stage: Stage, step: Step<Clients>): Promise<Exclude<Observation, { readonly state: 'waiting' }>> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const seen = await stage.look(step.id, (clients, run) => step.check(clients, run));
    if (seen.state !== 'waiting') return seen;
    if (Date.now() > end) throw new Error(`still waiting after ${patienceMs / 1000} s: ${seen.progress}`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(seen.againInMs, 300)));
  }
}

async function stillDone(stage: Stage, step: Step<Clients>): Promise<void> {
  const seen = await look(stage, step);
  // A gate without an apply is done by its approval: its look says for ever what was approved.
  if (seen.state !== 'done' && (step.apply || !step.gate)) throw new Error(`expected done, seen ${text(seen)}`);
}

/** Undone as the engine records it, without an abort: the run goes on. */
async function undoInPlace(stage: Stage, step: Step<Clients>, fixture: Fixture): Promise<void> {
  const undo = () => stage.execute(step.id, async ({ clients }, run) => undoOf(step)?.(clients, run));
  try {
    await undo();
  } catch (error) {
    if (!(error instanceof NeedsHuman && error.code === 'workloads.by-hand' && fixture.personUndoes)) throw error;
    fixture.personUndoes(stage);
    await undo();
  }
  await stage.append({ type: 'step.undone', step: step.id, how: 'undone', why: 'the law says so' });
}

async function abortIsRefusedOnceIrreversible(stage: Stage): Promise<void> {
  const state = await stage.state();
  const decision = abort(state, shape, 'U0OPERATOR', 'the law asks');
  const refused = decision.kind === 'refused' && decision.code === 'run.irreversible';
  if (refused !== passed(state))
    throw new Error(`an abort must be ${passed(state) ? 'refused' : 'possible'}, the engine says ${JSON.stringify(decision)}`);
}

/** An irreversible step of the leg has begun. */
function passed(state: RunState): boolean {
  return state.steps.some(({ id, leg, attempts }) => {
    const { undo } = stepOf(id);
    return leg === state.leg.name && attempts > 0 && typeof undo === 'object' && 'irreversible' in undo;
  });
}

function planOf(seen: Observation, { stays }: Fixture): string {
  const lines = seen.state === 'todo' ? seen.plan : seen.state === 'task' ? seen.what : [text(seen)];
  return lines.filter((line) => !stays?.lines.test(line)).join('\n');
}

function text(seen: Observation): string {
  switch (seen.state) {
    case 'done':
      return `done: ${seen.evidence}`;
    case 'todo':
      return `todo:\n${seen.plan.join('\n')}`;
    case 'waiting':
      return `waiting: ${seen.progress}`;
    case 'task':
      return `task:\n${seen.what.join('\n')}`;
    case 'blocked':
      return `blocked by ${seen.code}: ${seen.reason} ${seen.remedy} ${seen.file?.content ?? ''}`;
    default:
      return seen satisfies never;
  }
}

function broken(step: Step<Clients>, phase: string, expectation: string, seen: Observation): Error {
  return new Error(`${step.id}, ${phase}: ${expectation}, seen ${text(seen)}`);
}

/** Whatever goes wrong says in which phase of which step. */
export function phases(step: { readonly id: string }) {
  return async <T>(phase: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw new Error(`${step.id}, ${phase}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  };
}
