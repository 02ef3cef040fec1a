import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { pause } from '../../src/engine/moves.ts';
import { executionId } from '../../src/jobs/owed.ts';
import { reconcile } from '../../src/jobs/reconcile.ts';
import { cutoverSteps } from '../support/file-runbook.ts';
import { useBenches } from '../support/use-benches.ts';

const bench = useBenches();

describe('queues', () => {
  test('a job that is placed while the run is executed here waits for its end, and is not put back again and again', async () => {
    const run = await bench({ steps: cutoverSteps, timing: { reconcileMs: 50 } });
    for (const name of ['fence.hold', 'drained']) run.make(name);
    await run.work();
    await run.until((state) => state.status === 'waiting-gate', 'the gate');
    await run.approve('U0APPROVER');
    const held = await run.until((state) => state.current === 'fence' && run.has('fence.half'), 'the fence');
    const { steps } = run.jobs.queues;
    // The first one's, which went on with the following steps, and the one that is owed now.
    await expect.poll(() => steps.getActiveCount()).toBe(2);
    await delay(700);
    expect((await steps.getJob(executionId(held)))?.attemptsStarted).toBe(1);
    run.remove('fence.hold');
    await run.until((state) => state.status === 'finished', 'the end');
    expect(run.effects().filter((line) => line.startsWith('+fence '))).toHaveLength(1);
  });

  test('what fails for a moment is tried again without anybody noticing', async () => {
    const run = await bench({ steps: [{ id: 'one' }] });
    run.make('one.transient', '4');
    await run.work();
    await run.until((state) => state.status === 'finished', 'the end');
    expect(await run.types()).toEqual(['run.started', 'step.started', 'fact.recorded', 'step.done', 'run.finished']);
    expect((await run.jobs.log.progress(run.run))?.text).toMatch(/^attempt 4 of 8: the world is away for one; again in 0\.\d s$/);
  });

  test('what fails for too many moments is put before people by the execution itself', async () => {
    const run = await bench({ steps: [{ id: 'one' }], timing: { attempts: 3, backoffMs: 5 } });
    run.make('one.transient', '99');
    await run.work();
    const state = await run.until((now) => now.status === 'blocked', 'the block');
    expect(state.blocked).toMatchObject({
      code: 'world.away',
      fate: 'human',
      reason: 'the world is away for one (3 attempts). Writes are on.',
    });
    expect(run.read('one.transient')).toBe('96');
  });

  test('two workers and ten hands that advance at once apply every step once', async () => {
    const run = await bench({ steps: ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id })) });
    await Promise.all([run.work(), run.work()]);
    await Promise.all(Array.from({ length: 10 }, () => run.jobs.dispatcher.advance(run.run)));
    await run.until((state) => state.status === 'finished', 'the end');
    expect(run.effects()).toHaveLength(10);
    expect((await run.types()).filter((type) => type === 'step.started')).toHaveLength(5);
  });

  test('a job of the same id that failed and was kept does not swallow the one that is owed', async () => {
    const run = await bench({ steps: [{ id: 'one' }] });
    const id = executionId(await run.state());
    const { steps } = run.jobs.queues;
    await (await steps.getJob(id))?.remove();
    const kept = await steps.add('execute', { kind: 'none' }, { jobId: id, removeOnFail: false, attempts: 1 });
    const { Worker } = await import('bullmq');
    const failing = new Worker(steps.name, async () => Promise.reject(new Error('as it was')), {
      connection: { url: run.jobs.redisUrl, maxRetriesPerRequest: null },
      prefix: run.jobs.prefix,
    });
    await expect.poll(() => kept.getState(), { timeout: 5_000 }).toBe('failed');
    await failing.close();
    await run.work();
    await run.until((state) => state.status === 'finished', 'the end');
  });

  test('a job that is missing twice is reported and placed again', async () => {
    const run = await bench({ steps: [{ id: 'one' }] });
    const lose = async () => (await run.jobs.queues.steps.getJob(executionId(await run.state())))?.remove();
    const { queues } = run.jobs;
    // Somebody empties the queue right behind every placing.
    const emptied = { ...queues, steps: Object.create(queues.steps, { add: { value: async () => undefined } }) } as typeof queues;
    await lose();
    const jobs = { ...run.jobs, queues: emptied };
    const once = await reconcile(jobs, new Set());
    expect(run.events).toEqual([]);
    await reconcile(jobs, once);
    expect(run.events).toMatchObject([{ kind: 'missing', run: run.run }]);
    await reconcile(run.jobs, new Set());
    await run.work();
    await run.until((state) => state.status === 'finished', 'the end');
  });

  test('a worker that stops hands its open execution to another one', async () => {
    const run = await bench({ steps: [{ id: 'one' }] });
    run.make('one.hold');
    const first = await run.work();
    await run.until((state) => state.records.has('one'), 'the middle of the apply');
    await first.close();
    run.remove('one.hold');
    await run.work();
    const end = await run.until((state) => state.status === 'finished', 'the end', 3_000);
    expect(end.steps[0]?.attempts).toBe(2);
  });

  test('plan looks with every step’s eyes and changes nothing', async () => {
    const run = await bench({ steps: [{ id: 'one' }, { id: 'wait', waitsFor: 'cdc' }, { id: 'two', gate: true }] });
    await run.work();
    await run.until((state) => state.current === 'wait', 'the wait');
    const version = (await run.state()).version;
    const answer = await run.jobs.dispatcher.look({ kind: 'plan', service: 'inapp', environment: 'staging', run: run.run });
    expect(answer).toEqual({
      lines: [
        { step: 'one', title: 'Make one', state: 'done', text: ['one is there'] },
        { step: 'wait', title: 'Make wait', state: 'waiting', text: ['no cdc yet'] },
        { step: 'two', title: 'Make two', state: 'todo', text: ['make two'] },
      ],
    });
    expect((await run.state()).version).toBeGreaterThanOrEqual(version);
    expect(run.has('two')).toBe(false);
  });

  test('a look without a worker says so', async () => {
    const run = await bench({ steps: [{ id: 'one' }], timing: { lookTimeoutMs: 200 } });
    const answer = await run.jobs.dispatcher.look({ kind: 'preflight', service: 'inapp', environment: 'staging' });
    expect(answer.error).toMatchObject({ code: 'look.timeout' });
  });

  test('a pause before any worker is there holds the run', async () => {
    const run = await bench({ steps: [{ id: 'one' }] });
    await run.move((state) => pause(state, 'U0OPERATOR', 'first look'));
    expect((await run.state()).status).toBe('paused');
    expect(await run.jobs.queues.steps.getJobCountByTypes('waiting', 'delayed')).toBe(0);
  });
});
