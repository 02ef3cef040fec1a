import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { defaultTiming } from '../../src/jobs/settings.ts';
import { compileWorker } from '../support/compiled-worker.ts';
import { type Bench, type BenchRequest, openBench, redisForTests } from '../support/engine-bench.ts';
import { cutoverSteps } from '../support/file-runbook.ts';
import { redisProxy } from '../support/redis-proxy.ts';

let worker: Awaited<ReturnType<typeof compileWorker>>;
let redis: Awaited<ReturnType<typeof redisForTests>>;
const open: { close(): Promise<void> }[] = [];
const bench = async (request: Omit<BenchRequest, 'redis'>) => {
  const opened = await openBench({ redis, program: worker.program, ...request });
  open.push(opened);
  return opened;
};
beforeAll(async () => {
  [redis, worker] = await Promise.all([redisForTests(), compileWorker()]);
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
afterAll(async () => {
  await redis.close();
  await worker.remove();
});

const ended = (child: ChildProcess) => new Promise<void>((resolve) => child.once('exit', () => resolve()));
const names = (run: Bench) => run.effects().map((line) => line.split(' ')[0]);
/** The tokens of the effects, in order: an older one after a newer one is a second effect of a worker that was thought dead. */
const tokens = (run: Bench) => run.effects().map((line) => Number(line.split(' ')[1]));

describe('a worker that dies', () => {
  test('in the middle of an apply: another one goes on, with the production’s times', async () => {
    const run = await bench({ steps: [{ id: 'one' }, { id: 'two' }], timing: defaultTiming });
    run.make('one.hold');
    const dying = await run.spawnWorker();
    await run.until((state) => state.records.has('one'), 'the middle of the apply');
    await run.spawnWorker();
    run.remove('one.hold');
    dying.kill('SIGKILL');
    const killed = Date.now();
    const next = await run.until((state) => (state.steps[0]?.attempts ?? 0) > 1 || state.steps[0]?.status === 'done', 'the next fact');
    console.log(`kill -9 to the next fact: ${Date.now() - killed} ms`);
    expect(next.steps[0]?.attempts).toBe(2);
    await run.until((state) => state.status === 'finished', 'the end');
  });

  test('after an apply and before its fact: the next one sees that it is done and does not apply again', async () => {
    const run = await bench({ steps: [{ id: 'one' }, { id: 'two' }] });
    let dying: ChildProcess | undefined;
    const proxy = await redisProxy(redis.url, '"type":"step.done"', () => dying?.kill('SIGKILL'));
    open.push(proxy);
    dying = await run.spawnWorker({ redisUrl: proxy.url });
    await ended(dying);
    expect(run.has('one')).toBe(true);
    expect(await run.types()).not.toContain('step.done');
    await run.spawnWorker();
    const end = await run.until((state) => state.status === 'finished', 'the end');
    expect(names(run)).toEqual(['+one.half', '+one', '+two.half', '+two']);
    expect(end.steps[0]).toMatchObject({ status: 'done', changed: true, attempts: 1 });
  });

  test('right behind the promise to call the promotion: it is called once and nothing is given back', async () => {
    const run = await bench({ steps: cutoverSteps, deadlineMs: 3_000 });
    run.make('drained');
    run.make('promote.hold');
    const dying = await run.spawnWorker();
    await run.until((state) => state.status === 'waiting-gate', 'the gate');
    await run.approve('U0APPROVER');
    const called = await run.until((state) => state.records.has('promote'), 'the call');
    dying.kill('SIGKILL');
    await ended(dying);
    await run.spawnWorker();
    await expect.poll(() => Date.now() - (called.writesOffSince ?? 0), { timeout: 10_000 }).toBeGreaterThan(4_000);
    run.remove('promote.hold');
    await run.until((state) => state.status === 'finished', 'the end');
    const types = await run.types();
    expect(types.filter((type) => type === 'promotion.called')).toHaveLength(1);
    expect(types).not.toContain('give-back.begun');
  });

  test('in the write stop, alone: whoever comes next gives the writes back when the deadline has passed', async () => {
    const run = await bench({ steps: cutoverSteps, deadlineMs: 800 });
    const dying = await run.spawnWorker();
    await run.until((state) => state.status === 'waiting-gate', 'the gate');
    run.make('fence.hold');
    await run.approve('U0APPROVER');
    await run.until((state) => state.records.has('fence'), 'the middle of the fence');
    dying.kill('SIGKILL');
    await ended(dying);
    await delay(1_000);
    expect(await run.types()).not.toContain('give-back.begun');
    await run.spawnWorker();
    await run.until((state) => state.blocked?.code === 'writes.given-back', 'the give-back');
    expect(run.has('fence.half') || run.has('stop-workers')).toBe(false);
  });

  test('in the write stop, with another one there: that one gives the writes back when the deadline passes, and waits for no lease', async () => {
    const run = await bench({ steps: cutoverSteps, deadlineMs: 2_000, timing: defaultTiming });
    const dying = await run.spawnWorker();
    await run.until((state) => state.status === 'waiting-gate', 'the gate');
    run.make('fence.hold');
    await run.approve('U0APPROVER');
    const begun = await run.until((state) => state.records.has('fence'), 'the middle of the fence');
    await run.spawnWorker();
    // As late as can be: its lease would hold for seconds yet.
    await delay(Math.max(0, (begun.deadlineAt ?? 0) - 100 - Date.now()));
    dying.kill('SIGKILL');
    await run.until((state) => state.blocked?.code === 'writes.given-back', 'the give-back');
    const back = (await run.facts()).find(({ type }) => type === 'writes.given-back')?.at ?? 0;
    console.log(`the deadline to the writes given back, with their worker killed: ${back - (begun.deadlineAt ?? 0)} ms`);
    expect(back - (begun.deadlineAt ?? 0)).toBeLessThan(defaultTiming.leaseMs / 2);
    expect(run.has('fence.half') || run.has('stop-workers')).toBe(false);
  });

  test.each(['SIGKILL', 'SIGSTOP'] as const)('while it gives the writes back, by %s: another one goes on at once', async (signal) => {
    const run = await bench({ steps: cutoverSteps, deadlineMs: 1_500, timing: defaultTiming });
    const workers = [await run.spawnWorker(), await run.spawnWorker()];
    await run.until((state) => state.status === 'waiting-gate', 'the gate');
    run.make('fence.undo-hold');
    await run.approve('U0APPROVER');
    const begun = await run.until((state) => state.givingBack !== undefined, 'the deadline');
    await expect.poll(() => run.has('undoing'), { interval: 5 }).toBe(true);
    const giving = workers.find(({ pid }) => pid === Number(run.read('undoing')));
    giving?.kill(signal);
    run.remove('fence.undo-hold');
    await run.until((state) => state.blocked?.code === 'writes.given-back', 'the give-back');
    const back = (await run.facts()).find(({ type }) => type === 'writes.given-back')?.at ?? 0;
    const dueAt = begun.writesOffSince === undefined ? 0 : begun.writesOffSince + 1_500;
    console.log(`the deadline to the writes given back, with ${signal} to who gave them back: ${back - dueAt} ms`);
    expect(back - dueAt).toBeLessThan(defaultTiming.leaseMs / 2);
    const before = run.effects();
    giving?.kill('SIGCONT');
    giving?.kill('SIGTERM');
    if (giving && signal === 'SIGSTOP') await ended(giving);
    expect(run.effects()).toEqual(before);
    expect(tokens(run)).toEqual([...tokens(run)].sort((a, b) => a - b));
  });
});

describe('a worker that is stopped and continued', () => {
  test.each(['stop-workers', 'fence'])('in %s while the writes are given back: it changes nothing any more', async (step) => {
    const run = await bench({ steps: cutoverSteps, deadlineMs: 500 });
    const sleeping = await run.spawnWorker();
    await run.until((state) => state.status === 'waiting-gate', 'the gate');
    run.make(`${step}.hold`);
    run.make(`${step}.deaf`);
    await run.approve('U0APPROVER');
    await run.until((state) => state.records.has(step), 'the middle of the apply');
    sleeping.kill('SIGSTOP');
    await run.spawnWorker();
    await run.until((state) => state.blocked?.code === 'writes.given-back', 'the give-back');
    const before = run.effects();
    run.remove(`${step}.hold`);
    sleeping.kill('SIGCONT');
    // It is awake and through with the old job when it has heard SIGTERM and closed.
    sleeping.kill('SIGTERM');
    await ended(sleeping);
    expect(run.effects()).toEqual(before);
    expect(run.has(step)).toBe(false);
    expect((await run.state()).blocked?.code).toBe('writes.given-back');
  });

  test('while another one finishes the step: its own second half is refused', async () => {
    const run = await bench({ steps: [{ id: 'one' }, { id: 'two' }] });
    run.make('one.hold');
    run.make('one.deaf');
    const sleeping = await run.spawnWorker();
    await run.until((state) => state.records.has('one'), 'the middle of the apply');
    sleeping.kill('SIGSTOP');
    await run.spawnWorker();
    run.remove('one.hold');
    await run.until((state) => state.status === 'finished', 'the end');
    const before = run.effects();
    sleeping.kill('SIGCONT');
    sleeping.kill('SIGTERM');
    await ended(sleeping);
    expect(run.effects()).toEqual(before);
    expect(tokens(run)).toEqual([...tokens(run)].sort((a, b) => a - b));
  });
});

describe('two workers', () => {
  test('killed in turn throughout a run of twelve steps: each step is done, none is applied after it was seen done', async () => {
    const steps = Array.from({ length: 12 }, (_, index) => ({ id: `s${index}` }));
    const run = await bench({ steps, timing: { lockDurationMs: 1_000, stalledIntervalMs: 500, leaseMs: 700 } });
    const workers = [await run.spawnWorker(), await run.spawnWorker()];
    for (let kills = 0; (await run.state()).status !== 'finished' && kills < 12; kills += 1) {
      const reached = (await run.facts()).length;
      await run.until((state) => state.version > reached || state.status === 'finished', 'another fact');
      workers.shift()?.kill('SIGKILL');
      workers.push(await run.spawnWorker());
    }
    await run.until((state) => state.status === 'finished', 'the end');
    const types = await run.types();
    expect(types.filter((type) => type === 'step.done')).toHaveLength(12);
    for (const { id } of steps) expect(names(run).filter((name) => name === `+${id}`)).toHaveLength(1);
    expect(tokens(run)).toEqual([...tokens(run)].sort((a, b) => a - b));
  });

  test('go on after Redis was restarted under them', async () => {
    const run = await bench({ steps: cutoverSteps });
    await run.spawnWorker();
    await run.spawnWorker();
    await run.until((state) => state.status === 'waiting-gate', 'the gate');
    const before = await run.facts();
    await redis.restart();
    expect((await run.facts()).slice(0, before.length)).toEqual(before);
    run.make('drained');
    await run.approve('U0APPROVER');
    await run.until((state) => state.status === 'finished', 'the end');
    expect(names(run).filter((name) => name === '+fence')).toHaveLength(1);
  });
});
