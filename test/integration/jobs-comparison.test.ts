import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Bench, openBench, redisForTests } from '../support/engine-bench.ts';
import { cutoverSteps } from '../support/file-runbook.ts';

let redis: Awaited<ReturnType<typeof redisForTests>>;
let run: Bench;
beforeAll(async () => {
  redis = await redisForTests();
});
afterEach(() => run.close());
afterAll(() => redis.close());

const asked = async () => {
  run = await openBench({ redis, steps: cutoverSteps });
  await run.work();
  await run.until((state) => state.status === 'waiting-gate', 'the question');
  const progress: string[] = [];
  const look = () =>
    run.jobs.dispatcher.look({ kind: 'validate', service: 'inapp', environment: 'staging', run: run.run }, (text) => progress.push(text));
  return { look, progress };
};

describe('a comparison on demand', () => {
  test('tells how far it is, answers, and writes no fact', async () => {
    const { look, progress } = await asked();
    run.make('compare.hold');
    run.make('source', 'a');
    const version = (await run.state()).version;
    const answer = look();
    await expect.poll(() => progress, { timeout: 10_000 }).toContain('half of it');
    run.remove('compare.hold');
    expect((await answer).comparison).toMatchObject({ equal: false, text: '1 difference' });
    run.make('destination', 'a');
    expect((await look()).comparison).toMatchObject({ equal: true });
    expect((await run.state()).version).toBe(version);
  });

  test('is one at a time', async () => {
    const { look } = await asked();
    run.make('compare.hold');
    const first = look();
    await expect.poll(() => run.has('comparing'), { timeout: 5_000 }).toBe(true);
    expect((await look()).error).toMatchObject({ code: 'validate.busy' });
    run.remove('compare.hold');
    expect((await first).comparison?.equal).toBe(true);
  });

  test('ends when the cutover begins, and is refused inside it', async () => {
    const { look } = await asked();
    run.make('compare.hold');
    const answer = look();
    await expect.poll(() => run.has('comparing'), { timeout: 5_000 }).toBe(true);
    await run.approve('U0APPROVER');
    expect((await answer).error).toMatchObject({ code: 'validate.not-now', message: expect.stringContaining('are off') });
    expect((await look()).error).toMatchObject({ code: 'validate.not-now' });
  });
});
