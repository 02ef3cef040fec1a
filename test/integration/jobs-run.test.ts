import { describe, expect, test } from 'vitest';
import { taskDone } from '../../src/engine/moves.ts';
import { cutoverSteps } from '../support/file-runbook.ts';
import { useBenches } from '../support/use-benches.ts';

const bench = useBenches();

describe('a run over real Redis and BullMQ', () => {
  test('goes through steps, a wait, a task and a gate to its end, each step applied once', async () => {
    const run = await bench({
      steps: [
        { id: 'one' },
        { id: 'wait', waitsFor: 'cdc', undo: 'keep' },
        { id: 'two', gate: true },
        { id: 'three', task: true },
        { id: 'four' },
      ],
    });
    await run.work();
    await run.until((state) => state.current === 'wait' && state.steps[1]?.status === 'started', 'the wait');
    run.make('cdc');
    const asked = await run.until((state) => state.status === 'waiting-gate', 'the gate');
    expect(asked.gate?.plan).toEqual(['make two']);
    expect(run.has('two')).toBe(false);
    expect((await run.approve('U0APPROVER')).kind).toBe('facts');
    await run.until((state) => state.status === 'waiting-task', 'the task');
    await run.move((state) => taskDone(state, 'U0OPERATOR', 'three', 'https://example.org/1'));
    const again = await run.until((state) => state.task?.because !== undefined, 'the task is asked again');
    expect(again.task?.because).toBe('U0OPERATOR said it is done, but it is not seen yet');
    run.make('three');
    await run.move((state) => taskDone(state, 'U0OPERATOR', 'three', 'https://example.org/2'));
    const end = await run.until((state) => state.status === 'finished', 'the end');
    expect(end.steps.map((step) => step.status)).toEqual(['done', 'done', 'done', 'done', 'done']);
    expect(end.steps[3]?.evidence).toBe('three is there, see https://example.org/2');
    expect(run.effects().map((line) => line.split(' ')[0])).toEqual(['+one.half', '+one', '+two.half', '+two', '+four.half', '+four']);
    expect((await run.jobs.log.runs())[0]).toEqual({ run: run.run, service: 'inapp', environment: 'staging', active: false });
    expect(run.events).toEqual([]);
  });

  test('the cutover in small: deadline set with the first step inside, write stop ended when the services start', async () => {
    const run = await bench({ steps: cutoverSteps });
    await run.work();
    await run.until((state) => state.status === 'waiting-gate', 'the gate');
    run.make('drained');
    await run.approve('U0APPROVER');
    const end = await run.until((state) => state.status === 'finished', 'the end');
    const types = await run.types();
    expect(types[types.indexOf('deadline.set') - 1]).toBe('step.started');
    expect(types.filter((type) => type === 'promotion.called')).toHaveLength(1);
    expect(end.writeStops).toMatchObject([{ end: 'switched' }]);
    expect(end.writesOffSince).toBeUndefined();
  });
});
