import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunState } from '../../src/engine/state.ts';
import { emergencyExit } from '../support/emergency-exit.ts';
import { ask } from '../support/server-looks.ts';
import { type Picture, pictureOf } from '../support/source-picture.ts';
import { openStage, type Stage } from '../support/stage.ts';

/** Between the promotion's call and the first write on the new instance people are asked, and choose to return. */
let stage: Stage;
let before: Picture;

beforeAll(async () => {
  stage = await openStage();
  before = await pictureOf(stage.world, 'staging');
}, 120_000);
afterAll(() => stage?.close());

const writes = () => stage.world.ledger.writes().length;

/** Starts a run and waits until it stops at that step, after the promotion was called. */
async function stoppedAt(
  step: string,
  meanwhile?: (run: string) => Promise<void>,
): Promise<{ readonly run: string; readonly state: RunState }> {
  const run = await stage.starts('staging');
  await meanwhile?.(run);
  const state = await stage.until(
    run,
    ({ blocked }) => blocked !== undefined && blocked.code !== 'workloads.by-hand',
    `stopped at ${step}`,
  );
  expect(state.blocked).toMatchObject({ step, reason: expect.stringMatching(/Writes are OFF since .* UTC\.$/) });
  expect(state.promotionCalled).toBe(true);
  return { run, state };
}

/** Nobody is given back anything, and nobody writes anywhere, until people have decided. */
async function closedOnBothSides(run: string): Promise<void> {
  const known = writes();
  const tried = () => stage.world.ledger.pods().reduce((sum, { failed }) => sum + failed, 0);
  const failed = tried();
  // The hidden writer, whom nobody has stopped, goes on trying.
  await expect.poll(tried, { timeout: 30_000 }).toBeGreaterThan(failed + 20);
  expect(writes()).toBe(known);
  expect((await stage.facts(run)).map(({ type }) => type)).not.toContain('give-back.begun');
}

/** The emergency exit asks Google: with the new instance promoted, opening the old one would let both be written to. */
async function emergencyExitRefuses(): Promise<void> {
  await expect(emergencyExit(stage.world, 'staging')).rejects.toMatchObject({ stderr: expect.stringContaining('promotion.called') });
}

/** Presses Return to the source on the failure’s card; the people of the cast approve what is asked then. */
async function returns(run: string): Promise<RunState> {
  const card = await stage.world.slack.waitFor(({ text, blocks }) => {
    const shown = JSON.stringify(blocks);
    return text.startsWith(`${run} stopped at`) && shown.includes('Return to the source') && shown.includes('run:rollback');
  }, 30_000);
  const opened = stage.world.slack.waitForView((view) => view.openedBy === 'U0OPERATOR' && JSON.stringify(view.definition).includes(run));
  await stage.world.slack.human.click('U0OPERATOR', card.ts, 'run:rollback', { confirm: true });
  const submitted = await stage.world.slack.human.submit('U0OPERATOR', (await opened).id, { typed: run, reason: 'not tonight' });
  expect(submitted.ok).toBe(true);
  return stage.until(run, ({ status }) => status === 'rolled-back', 'the return', 300_000);
}

/** The source is as it was, the service writes to it, and nothing that was acknowledged is lost. */
async function asBefore(): Promise<void> {
  const source = stage.cluster('me-inapp-staging-pg15');
  await stage.world.settled('staging');
  const { schema: _was, ...was } = before;
  const { schema: _is, ...is } = await pictureOf(stage.world, 'staging');
  expect(is).toEqual(was);
  const since = Date.now();
  const fresh = () => stage.world.ledger.writes().filter(({ at, server }) => at > since && server === source.host);
  await expect.poll(() => new Set(fresh().map(({ pod }) => pod.replace(/-[0-9a-f]{6}$/, ''))).size, { timeout: 30_000 }).toBe(3);
  const { lost, doubled } = await stage.world.watch.count(source, () => true);
  expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
  // Whatever comes next makes its destination anew.
  expect(stage.world.servers.fleet.list().map(({ name }) => name)).toEqual(['me-inapp-staging-pg15']);
}

test('a promotion that fails asks people with both sides closed; they return, and the old instance serves as before', async () => {
  stage.world.google.faults.add({ kind: 'fail-operation', operation: 'promote', message: 'Internal error encountered.' });
  const { run, state } = await stoppedAt('promote-destination');
  expect(state.blocked?.reason).toContain('Internal error encountered');
  await closedOnBothSides(run);
  const end = await returns(run);
  expect(end.writeStops.map((one) => one.end)).toEqual(['rolled-back']);
  await asBefore();
}, 600_000);

test('the next attempt starts from an empty destination; a way back that cannot be armed asks people, who return again', async () => {
  const { run, state } = await stoppedAt('arm-way-back', spoilWayBack);
  expect(state.blocked?.skippable).toBe(true);
  await emergencyExitRefuses();
  await closedOnBothSides(run);
  const end = await returns(run);
  expect(end.writeStops.map((one) => one.end)).toEqual(['rolled-back']);
  await asBefore();
}, 600_000);

/** Somebody changes the password of the way back’s user on the new instance as soon as the promotion is called. */
async function spoilWayBack(run: string): Promise<void> {
  await stage.until(run, ({ promotionCalled }) => promotionCalled, 'the promotion’s call');
  await ask(stage.cluster('me-inapp-staging-pg17'), 'postgres', `alter role wayback password 'somebody else’s'`);
}
