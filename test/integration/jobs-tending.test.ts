import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import type { Tended } from '../../src/engine/ports.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { connectJobs, type Jobs } from '../../src/jobs/jobs.ts';
import { startTending, type TendRequest } from '../../src/jobs/tending.ts';
import { redisForTests } from '../support/engine-bench.ts';
import { fileRunbook } from '../support/file-runbook.ts';

let redis: Awaited<ReturnType<typeof redisForTests>>;
const shape = shapeOf(fileRunbook([{ id: 'arm' }, { id: 'clean-up' }]));
const closers: (() => Promise<void>)[] = [];
beforeAll(async () => {
  redis = await redisForTests();
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(async () => {
  await redis.close();
});

const nothing = { did: [], warnings: [], gaps: [] };
const armed: FactBody = { type: 'step.done', step: 'arm', evidence: 'armed', changed: true };

/** One run and several worker processes' upkeep; `tend` is the world. */
async function opened(workers: number, tend: (request: TendRequest, worker: number) => Promise<Omit<Tended, 'look'>>) {
  const prefix = `t${randomBytes(6).toString('hex')}`;
  const errors: string[] = [];
  const connect = (): Jobs =>
    connectJobs({
      redisUrl: redis.url,
      shape,
      prefix,
      timing: { lockDurationMs: 2_000, stalledIntervalMs: 1_000, leaseMs: 1_500, tendMs: 50, tendEndedMs: 200 },
      report: (event) => event.kind === 'error' && errors.push(String(event.error)),
    });
  const jobs = connect();
  closers.push(() => jobs.close());
  const header = {
    uid: 'abcd1234',
    service: 'inapp',
    environment: 'staging',
    from: 15,
    to: 17,
    by: 'U1',
    channel: 'C1',
    format: 1,
  } as const;
  const started = await jobs.log.start({ ...header, steps: shape.map(({ id }) => id) });
  const run = 'started' in started ? started.started : '';
  // As the worker that executes the run.
  await redisSet(jobs, run);
  const append = async (...facts: readonly FactBody[]) => {
    const seen = await jobs.log.read(run);
    expect(await jobs.log.append(run, seen.length, facts, 1)).toBe('appended');
  };
  const at: number[] = [];
  let running = 0;
  for (let worker = 0; worker < workers; worker += 1) {
    const own = connect();
    const closing = new AbortController();
    const tending = startTending(
      own,
      {
        armedBy: 'arm',
        async tend(request) {
          at.push(Date.now());
          running += 1;
          if (running > 1) errors.push('two at once');
          try {
            return { look: { at: Date.now(), text: `look ${at.length}`, memo: at.length }, ...(await tend(request, worker)) };
          } finally {
            running -= 1;
          }
        },
      },
      closing.signal,
    );
    await tending.worker.waitUntilReady();
    closers.push(async () => {
      closing.abort(new Error('the test ends'));
      await tending.close();
      await tending.worker.close();
      await own.close();
    });
  }
  return { jobs, run, append, at, errors, state: async () => fold(await jobs.log.read(run), shape) };
}

async function redisSet(jobs: Jobs, run: string): Promise<void> {
  await jobs.redis.set(jobs.keys.lease(run), '1');
}

describe('the upkeep of an armed way back', () => {
  test('begins when it is armed, goes on after the run has ended, one worker at a time', async () => {
    const world = await opened(3, async ({ guard }) => {
      await guard();
      await new Promise((resolve) => setTimeout(resolve, 20));
      return nothing;
    });
    await world.append({ type: 'step.started', step: 'arm', attempt: 1, token: 1 });
    await expect
      .poll(() => world.jobs.queues.tending.getJobCounts('wait', 'delayed', 'active').then((all) => Object.values(all).join()))
      .toBe('0,0,0');
    expect(world.at).toEqual([]);
    await world.append(armed);
    await expect.poll(() => world.at.length, { timeout: 10_000 }).toBeGreaterThan(5);
    await world.append({ type: 'step.done', step: 'clean-up', evidence: '', changed: true }, { type: 'run.finished' });
    const before = world.at.length;
    await expect.poll(() => world.at.length, { timeout: 10_000 }).toBeGreaterThan(before + 3);
    expect(world.errors).toEqual([]);
    // A look that brought nothing new leaves the log as it is.
    expect((await world.jobs.log.read(world.run)).filter(({ type }) => type === 'way-back.tended')).toEqual([]);
    expect((await world.jobs.log.wayBack(world.run))?.text).toMatch(/^look \d+$/);
  });

  test('says once what stands against going back, and that it is gone', async () => {
    let warnings: readonly string[] = ['type mood exists only on the new instance'];
    const world = await opened(1, async ({ state }) => ({
      ...nothing,
      warnings,
      gaps: state.wayBack.gaps.length > 0 ? [] : ['rows of t are missing'],
    }));
    await world.append(armed);
    await expect.poll(async () => (await world.state()).wayBack.warnings.length, { timeout: 10_000 }).toBe(1);
    const looks = world.at.length;
    await expect.poll(() => world.at.length, { timeout: 10_000 }).toBeGreaterThan(looks + 2);
    warnings = [];
    await expect
      .poll(async () => (await world.state()).wayBack, { timeout: 10_000 })
      .toEqual({ warnings: [], gaps: ['rows of t are missing'], lost: undefined, over: false });
    expect((await world.jobs.log.read(world.run)).filter(({ type }) => type === 'way-back.tended')).toHaveLength(2);
  });

  test('says once that its days are over', async () => {
    const world = await opened(1, async () => ({ ...nothing, over: 'the 7 days are over' }));
    await world.append(armed);
    await expect.poll(async () => (await world.state()).wayBack.over, { timeout: 10_000 }).toBe(true);
    const looks = world.at.length;
    await expect.poll(() => world.at.length, { timeout: 10_000 }).toBeGreaterThan(looks + 2);
    expect((await world.jobs.log.read(world.run)).filter(({ type }) => type === 'way-back.tended')).toMatchObject([
      { over: 'the 7 days are over' },
    ]);
  });

  test('ends when the way back is lost, and shows a look that was not possible', async () => {
    let turn = 0;
    const world = await opened(2, async () => {
      turn += 1;
      if (turn === 2) throw new Error('the old instance does not answer');
      return turn < 4 ? nothing : { ...nothing, lost: 'its slot is gone' };
    });
    const problems: string[] = [];
    const hear = async () => {
      const problem = (await world.jobs.log.wayBack(world.run))?.problem;
      if (problem !== undefined) problems.push(problem);
    };
    const end = await world.jobs.log.watch(() => void hear());
    await world.append(armed);
    await expect.poll(async () => (await world.state()).wayBack.lost, { timeout: 10_000 }).toBe('its slot is gone');
    await end();
    expect(problems[0]).toBe('the old instance does not answer');
    await expect
      .poll(() => world.jobs.queues.tending.getJobCounts('wait', 'delayed', 'active').then((all) => Object.values(all).join()))
      .toBe('0,0,0');
    expect(turn).toBe(4);
  });
});
