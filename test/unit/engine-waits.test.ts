import { expect, it } from 'vitest';
import { executeStep } from '../../src/engine/execute.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { done, type Runbook, type Step, waiting } from '../../src/engine/step.ts';
import { runStarted } from '../support/engine-log.ts';
import { executionOver, memoryLog } from '../support/memory-log.ts';

/** One step that is done at its third look, with a clock of its own; `aborts`: somebody interrupts during the first wait. */
async function executed(writeStop: Step<object>['writeStop'], options: { readonly againInMs?: number; readonly aborts?: boolean } = {}) {
  let now = 1_000;
  let looks = 0;
  const runbook: Runbook<object> = [
    {
      name: 'Cutover',
      steps: [
        {
          id: 'start',
          title: 'start',
          impact: 'none',
          ...(writeStop ? { writeStop } : {}),
          waitsFor: 'pods',
          check: async () => (++looks < 3 ? waiting('not yet', options.againInMs ?? 40) : done('there')),
          undo: { keep: 'nothing' },
        },
      ],
    },
  ];
  const shape = shapeOf(runbook);
  const begun: readonly FactBody[] = [runStarted(['start'])];
  const memory = memoryLog(begun, () => Promise.resolve());
  const interrupt = new AbortController();
  const outcome = await executeStep(
    executionOver(
      memory,
      runbook,
      {},
      {
        signal: interrupt.signal,
        now: () => now,
        pause: async (ms) => {
          now += ms;
          if (options.aborts) interrupt.abort();
        },
      },
    ),
    'start',
  );
  const facts = await memory.log.read('PG-1');
  return { outcome, looks, step: facts.find((fact) => fact.type === 'step.done'), state: fold(facts, shape) };
}

it('sits short waits of the write stop out in one execution, and says what they were for', async () => {
  const { outcome, looks, step } = await executed('after-promotion');
  expect(outcome).toEqual({ kind: 'advanced' });
  expect(looks).toBe(3);
  expect(step).toMatchObject({
    spans: [
      { cause: 'pods', from: 1_000, to: 1_040 },
      { cause: 'pods', from: 1_040, to: 1_080 },
    ],
  });
});

it('puts the job back where a wait is long, and outside the write stop', async () => {
  expect(await executed('after-promotion', { againInMs: 6_000 })).toMatchObject({ outcome: { kind: 'again', inMs: 6_000 }, looks: 1 });
  expect(await executed(undefined)).toMatchObject({ outcome: { kind: 'again', inMs: 50 }, looks: 1 });
});

it('hears an interruption during a wait', async () => {
  const { outcome, looks, step } = await executed('within', { aborts: true });
  expect(outcome).toEqual({ kind: 'interrupted' });
  expect(looks).toBe(2);
  expect(step).toBeUndefined();
});
