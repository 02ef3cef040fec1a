import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { act } from '../../src/engine/act.ts';
import { LeaseLost } from '../../src/engine/commit.ts';
import { executeStep } from '../../src/engine/execute.ts';
import type { Execution } from '../../src/engine/execution.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { giveBack, passDeadline } from '../../src/engine/give-back.ts';
import { abort, pause } from '../../src/engine/moves.ts';
import { shapeOf, stepsOf } from '../../src/engine/shape.ts';
import { done, type Runbook, type Step, todo } from '../../src/engine/step.ts';
import { runStarted } from '../support/engine-log.ts';
import { memoryLog } from '../support/memory-log.ts';

interface World {
  has(name: string): boolean;
  make(name: string): Promise<void>;
  remove(name: string): Promise<void>;
}
const make = (id: string, more: Partial<Step<World>>): Step<World> => ({
  id,
  title: id,
  impact: 'none',
  check: async (world) => (world.has(id) ? done(id) : todo([`make ${id}`])),
  apply: (world) => world.make(id),
  undo: (world) => world.remove(id),
  ...more,
});
const runbook: Runbook<World> = [
  {
    name: 'Cutover',
    steps: [
      make('approve', { writeStop: 'gate', undo: { keep: 'a word' } }),
      make('fence', { writeStop: 'within' }),
      make('promote', {
        writeStop: 'promotion',
        undo: { irreversible: 'promoted' },
        apply: async (world, run) => {
          if (await run.claimPromotion()) await world.make('promote');
        },
      }),
      make('start', { writeStop: 'after-promotion' }),
    ],
  },
];
const shape = shapeOf(runbook);
const steps = stepsOf(runbook);
const before: readonly FactBody[] = [
  runStarted(shape.map((one) => one.id)),
  { type: 'step.done', step: 'approve', evidence: '', changed: false },
  { type: 'step.started', step: 'fence', attempt: 1, token: 1 },
  { type: 'deadline.set', dueAt: 100 },
  { type: 'step.done', step: 'fence', evidence: '', changed: true },
];

type Actor = 'execute' | 'deadline' | 'abort' | 'pause' | 'give-back';
const actors = fc.array(fc.constantFrom<Actor>('execute', 'deadline', 'abort', 'pause', 'give-back'), { minLength: 2, maxLength: 5 });

async function play(scheduler: fc.Scheduler, cast: readonly Actor[], now: number) {
  const memory = memoryLog(before, () => scheduler.schedule(Promise.resolve(), 'log'));
  const files = new Set(['approve', 'fence']);
  const history: string[] = [];
  const execution = (): Execution<World> => {
    const token = memory.acquire();
    // As the real clients: the lease is read again, then the change is made at once.
    const guarded = async (change: () => void) => {
      await scheduler.schedule(Promise.resolve(), 'guard');
      if (!memory.isOwner(token)) throw new LeaseLost('PG-1');
      change();
    };
    const clients: World = {
      has: (name) => files.has(name),
      make: (name) =>
        guarded(() => {
          files.add(name);
          history.push(`+${name}`);
        }),
      remove: (name) =>
        guarded(() => {
          files.delete(name);
          history.push(`-${name}`);
        }),
    };
    return {
      run: 'PG-1',
      log: memory.log,
      shape,
      steps,
      clients,
      token,
      signal: new AbortController().signal,
      deadlineMs: 100,
      gateExpiresMs: 1_000,
      now: () => now,
      nonce: () => `n${token}`,
      pause: async () => undefined,
      mayGiveBack: async () => 'yes',
    };
  };
  const request = { log: memory.log, shape, run: 'PG-1' };
  const tolerant = async (work: Promise<unknown>) => {
    await work.catch((error: unknown) => {
      if (!(error instanceof LeaseLost)) throw error;
    });
  };
  const play = (actor: Actor): Promise<void> => {
    switch (actor) {
      case 'execute':
        return tolerant(executeStep(execution(), 'promote'));
      case 'give-back':
        return tolerant(giveBack(execution()));
      case 'deadline':
        return tolerant(passDeadline(request, () => now));
      case 'abort':
        return tolerant(act(request, (state) => abort(state, shape, 'ann', 'x')));
      case 'pause':
        return tolerant(act(request, (state) => pause(state, 'ann', 'x')));
      default:
        return actor satisfies never;
    }
  };
  // Each begins at a moment of its own.
  const all = Promise.all(cast.map(async (actor) => scheduler.schedule(Promise.resolve(), actor).then(() => play(actor))));
  await scheduler.waitFor(all);
  return { facts: memory.facts, history, files };
}

describe('for any interleaving of executions, deadline, give-backs, abort and pause', () => {
  test('promotion and give-back are never both in effect, in the log or in the world', async () => {
    let promoted = 0;
    let gaveBack = 0;
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), actors, fc.constantFrom(50, 150), async (scheduler, cast, now) => {
        const { facts, history } = await play(scheduler, cast, now);
        for (let length = 1; length <= facts.length; length += 1) {
          const state = fold(facts.slice(0, length), shape);
          expect(state.promotionCalled && state.givingBack !== undefined).toBe(false);
          // Not only is one of them in effect: what comes second is not even written.
          const then = facts[length]?.type;
          if (state.givingBack) expect(then).not.toBe('promotion.called');
          if (state.promotionCalled) expect(then).not.toBe('give-back.begun');
        }
        expect(history.includes('+promote') && history.includes('-fence')).toBe(false);
        const state = fold(facts, shape);
        if (history.includes('+promote')) expect(state.promotionCalled).toBe(true);
        if (state.promotionCalled) expect(state.writeStops.filter((stop) => stop.end === 'given-back')).toEqual([]);
        promoted += Number(history.includes('+promote'));
        gaveBack += Number(history.includes('-fence'));
      }),
      { numRuns: 250 },
    );
    // The property is about something: both happen.
    expect(promoted).toBeGreaterThan(2);
    expect(gaveBack).toBeGreaterThan(2);
  });

  test('the fact of work that was done by the owner is never lost', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.constantFrom<Actor>('abort', 'pause', 'deadline'), { maxLength: 4 }),
        fc.constantFrom(50, 150),
        async (scheduler, others, now) => {
          const { facts, history } = await play(scheduler, ['execute', ...others], now);
          const recorded = facts.some((fact) => fact.type === 'step.done' && fact.step === 'promote');
          expect(recorded).toBe(history.includes('+promote'));
        },
      ),
      { numRuns: 150 },
    );
  });
});
