import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { abort, pause, resume } from '../../src/engine/moves.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { type Bench, type BenchRequest, openBench, redisForTests } from '../support/engine-bench.ts';
import { fileRunbook } from '../support/file-runbook.ts';

let redis: Awaited<ReturnType<typeof redisForTests>>;
const open: Bench[] = [];
const steps = [{ id: 'one' }];
const bench = async (startsInMs: number, more: Partial<BenchRequest> = {}) => {
  const opened = await openBench({ redis, steps, startsInMs, ...more });
  open.push(opened);
  return opened;
};
beforeAll(async () => {
  redis = await redisForTests();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});
afterAll(async () => {
  await redis.close();
});

describe('a planned start', () => {
  test('begins by itself when its time has come, and not before', async () => {
    const run = await bench(700);
    await run.work();
    expect(await run.state()).toMatchObject({ status: 'planned' });
    await run.until((state) => state.status === 'finished', 'the end');
    const facts = await run.facts();
    const [first] = facts;
    const due = facts.find((fact) => fact.type === 'run.due');
    expect(first?.type === 'run.started' && due && due.at >= (first.notBefore ?? Number.POSITIVE_INFINITY)).toBe(true);
    expect(facts.findIndex((fact) => fact.type === 'run.due')).toBeLessThan(facts.findIndex((fact) => fact.type === 'step.started'));
  });

  test('is found again when Redis has lost its job', async () => {
    const run = await bench(600);
    await run.jobs.queues.timed.obliterate({ force: true });
    await run.work();
    await run.until((state) => state.status === 'finished', 'the end');
  });

  test('in an environment that is locked by then begins paused and says who locked it', async () => {
    const run = await bench(300);
    await run.jobs.log.lock({ service: 'inapp', environment: 'staging' }, { by: 'U0ADMIN', reason: 'freeze' });
    await run.work();
    const paused = await run.until((state) => state.status === 'paused', 'the pause');
    expect(paused.pause?.reason).toBe('staging is locked by U0ADMIN: freeze. Unlock it, then resume.');
    expect(run.has('one')).toBe(false);
    await run.jobs.log.unlock({ service: 'inapp', environment: 'staging' });
    await run.move((state) => resume(state, 'U0OPERATOR'));
    await run.until((state) => state.status === 'finished', 'the end');
  });

  test('is called off by abort, and a pause lets its time pass', async () => {
    const run = await bench(60_000);
    await run.work();
    await run.move((state) => pause(state, 'U0OPERATOR', 'later'));
    expect(await run.state()).toMatchObject({ status: 'paused' });
    await run.move((state) => resume(state, 'U0OPERATOR'));
    expect(await run.state()).toMatchObject({ status: 'planned' });
    await run.move((state) => abort(state, shapeOf(fileRunbook(steps)), 'U0OPERATOR', 'not today'));
    await run.until((state) => state.status === 'aborted', 'the end');
    expect(run.has('one')).toBe(false);
  });
});
