import { describe, expect, test } from 'vitest';
import { abort, pause, resume, retry } from '../../src/engine/moves.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import type { Bench, BenchRequest } from '../support/engine-bench.ts';
import { cutoverSteps, fileRunbook } from '../support/file-runbook.ts';
import { useBenches } from '../support/use-benches.ts';

const bench = useBenches();
const shape = shapeOf(fileRunbook(cutoverSteps));

/** A run whose cutover is approved and that works. */
async function cuttingOver(request: Partial<BenchRequest> & { readonly before?: (run: Bench) => void } = {}): Promise<Bench> {
  const run = await bench({ steps: cutoverSteps, ...request });
  request.before?.(run);
  await run.work();
  await run.until((state) => state.status === 'waiting-gate', 'the gate');
  await run.approve('U0APPROVER');
  return run;
}

describe('the write stop', () => {
  test('gives the writes back when the deadline passes, and Retry asks for the cutover anew', async () => {
    const run = await cuttingOver({ deadlineMs: 700 });
    const back = await run.until((state) => state.blocked?.code === 'writes.given-back', 'the give-back');
    expect(back.blocked?.reason).toMatch(
      /^The writes were given back after \d+\.\d s: the deadline passed at .* UTC, before the promotion was called \(\S+ was under way\)\. Writes are on\.$/,
    );
    expect(back.writeStops).toMatchObject([{ end: 'given-back' }]);
    const [stop] = back.writeStops;
    expect((stop?.to ?? 0) - (stop?.from ?? 0)).toBeLessThan(3_000);
    expect(run.has('fence') || run.has('stop-workers')).toBe(false);
    expect(
      run
        .effects()
        .filter((line) => line.startsWith('-'))
        .map((line) => line.split(' ')[0]),
    ).toEqual(['-fence.half', '-fence', '-stop-workers.half', '-stop-workers']);
    run.make('drained');
    run.setDeadline(60_000);
    await run.move((state) => retry(state, 'U0OPERATOR'));
    await run.until((state) => state.status === 'waiting-gate', 'the gate again');
    await run.approve('U0APPROVER');
    const end = await run.until((state) => state.status === 'finished', 'the end');
    expect(end.writeStops.map((one) => one.end)).toEqual(['given-back', 'switched']);
  });

  test('gives the writes back at once when a step inside it fails', async () => {
    const run = await cuttingOver({ before: (world) => world.make('fence.broken') });
    const back = await run.until((state) => state.blocked?.code === 'writes.given-back', 'the give-back');
    expect(back.blocked?.reason).toContain('fence failed: fence is broken. Writes are on.');
    const facts = await run.facts();
    const blocked = facts.find((fact) => fact.type === 'step.blocked');
    expect(blocked).toMatchObject({
      step: 'fence',
      code: 'world.broken',
      reason: expect.stringMatching(/^fence is broken\. Writes are OFF since \d\d:\d\d:\d\d UTC\.$/),
    });
    expect(run.has('stop-workers')).toBe(false);
  });

  test('gives the writes back in the middle of an apply that listens to nobody, and refuses what that one still wants to do', async () => {
    const run = await cuttingOver({
      deadlineMs: 300,
      before: (world) => {
        world.make('fence.hold');
        world.make('fence.deaf');
      },
    });
    await run.until((state) => state.blocked?.code === 'writes.given-back', 'the give-back');
    const before = run.effects();
    run.remove('fence.hold');
    // The deaf apply now wants to write `fence`; its job is over when nothing is active any more.
    await expect.poll(() => run.jobs.queues.steps.getActiveCount(), { timeout: 5_000 }).toBe(0);
    expect(run.effects()).toEqual(before);
    expect(run.has('fence')).toBe(false);
    expect((await run.state()).blocked?.code).toBe('writes.given-back');
  });

  test('tries to give the writes back until it can, and tells people once that it cannot yet', async () => {
    const run = await cuttingOver({ deadlineMs: 300, before: (world) => world.make('fence.undo-away') });
    await expect.poll(async () => (await run.types()).includes('note'), { timeout: 15_000 }).toBe(true);
    const facts = await run.facts();
    expect(facts.find(({ type }) => type === 'note')).toMatchObject({
      by: 'bot',
      marks: 'warning',
      text: expect.stringMatching(
        /^The writes could not be given back yet: the world is away for fence\. Writes are OFF since .* UTC\. It is tried again every 2 s; by hand: npx pgupgrade give-back-writes \S+ --service \S+$/,
      ),
    });
    expect((await run.state()).status).toBe('giving-back');
    const tried = (await run.jobs.log.progress(run.run))?.text;
    await expect.poll(async () => (await run.jobs.log.progress(run.run))?.text, { timeout: 10_000 }).not.toBe(tried);
    run.remove('fence.undo-away');
    await run.until((state) => state.blocked?.code === 'writes.given-back', 'the give-back');
    expect((await run.types()).filter((type) => type === 'note')).toHaveLength(1);
    expect(run.has('fence') || run.has('stop-workers')).toBe(false);
  });

  test('is given back first when somebody pauses, and resuming asks for the cutover anew', async () => {
    const run = await cuttingOver();
    await run.until((state) => state.current === 'drain', 'the drain');
    await run.move((state) => pause(state, 'U0OPERATOR', 'lunch'));
    const paused = await run.until((state) => state.status === 'paused', 'the pause');
    expect(paused.writesOffSince).toBeUndefined();
    expect(run.has('fence')).toBe(false);
    run.make('drained');
    await run.move((state) => resume(state, 'U0OPERATOR'));
    await run.until((state) => state.status === 'waiting-gate', 'the gate again');
    await run.approve('U0APPROVER');
    await run.until((state) => state.status === 'finished', 'the end');
  });

  test('is given back first when somebody aborts, then everything is undone', async () => {
    const run = await cuttingOver();
    await run.until((state) => state.current === 'drain', 'the drain');
    await run.move((state) => abort(state, shape, 'U0ADMIN', 'wrong day'));
    const end = await run.until((state) => state.status === 'aborted', 'the end');
    expect(end.writeStops).toMatchObject([{ end: 'given-back' }]);
    expect(
      run
        .effects()
        .filter((line) => line.startsWith('-'))
        .map((line) => line.split(' ')[0]),
    ).toEqual(['-fence.half', '-fence', '-stop-workers.half', '-stop-workers', '-prepare.half', '-prepare']);
    expect((await run.jobs.log.runs())[0]?.active).toBe(false);
  });

  test('is not given back when Google says that the promotion runs, whatever the log says', async () => {
    const run = await cuttingOver({ deadlineMs: 300, before: (world) => world.make('promoted-at-google') });
    const state = await run.until((now) => now.status === 'blocked', 'the block');
    expect(state.blocked).toMatchObject({ code: 'give-back.promoted', step: 'promote' });
    expect(state.blocked?.reason).toMatch(
      /^The writes were not given back: Google says that the promotion runs\. Writes are OFF since .* UTC\.$/,
    );
    expect(state.promotionCalled).toBe(true);
    expect(run.has('fence')).toBe(true);
    run.make('drained');
    await run.move((now) => retry(now, 'U0OPERATOR'));
    await run.until((now) => now.status === 'finished', 'the end');
  });

  test('is never given back after the promotion is called: a failure there asks people and abort is refused', async () => {
    const run = await cuttingOver({
      deadlineMs: 1_500,
      before: (world) => {
        world.make('drained');
        world.make('start.broken');
      },
    });
    const state = await run.until((now) => now.status === 'blocked', 'the block');
    expect(state.blocked).toMatchObject({ step: 'start', reason: expect.stringMatching(/Writes are OFF since/) });
    const decision = await run.move((now) => abort(now, shape, 'U0ADMIN', 'no'));
    expect(decision).toMatchObject({ kind: 'refused', code: 'run.irreversible' });
    await expect.poll(() => Date.now() - (state.writesOffSince ?? 0), { timeout: 5_000 }).toBeGreaterThan(2_000);
    expect(await run.types()).not.toContain('give-back.begun');
    run.remove('start.broken');
    await run.move((now) => retry(now, 'U0OPERATOR'));
    await run.until((now) => now.status === 'finished', 'the end');
  });

  test('an undo inside it that fails is put before people with the writes off, and Retry goes on giving back', async () => {
    const run = await cuttingOver({
      deadlineMs: 400,
      before: (world) => world.make('stop-workers.undo-broken'),
    });
    const stuck = await run.until((state) => state.status === 'blocked', 'the block');
    expect(stuck.blocked).toMatchObject({
      step: 'stop-workers',
      undoing: true,
      skippable: false,
      reason: expect.stringMatching(/Writes are OFF since/),
    });
    expect(run.has('fence')).toBe(false);
    run.remove('stop-workers.undo-broken');
    await run.move((state) => retry(state, 'U0OPERATOR'));
    await run.until((state) => state.blocked?.code === 'writes.given-back', 'the give-back');
    expect(run.has('stop-workers')).toBe(false);
  });
});
