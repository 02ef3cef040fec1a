import { afterAll, beforeAll, expect, test } from 'vitest';
import { emergencyExit } from '../support/emergency-exit.ts';
import { openStage, type Stage } from '../support/stage.ts';

/** Redis forgets everything inside the write stop: nobody is left who knows of the deadline. */
let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
}, 120_000);
afterAll(() => stage?.close());

test('one sentence says that the log is gone and the writes are off, and give-back-writes opens the source again', async () => {
  const { world } = stage;
  const source = stage.cluster('me-inapp-staging-pg15');
  const writes = () => world.ledger.writes().filter(({ server }) => server === source.host).length;
  const run = await stage.starts('staging');
  // Every run closes the source, and what follows takes longer than it takes to empty Redis.
  await stage.fact(run, 'step.done', 'fence-source');
  await stage.redis.flushall();

  const said = await world.slack.waitFor(({ text }) => text.includes('has lost the log'), 60_000);
  expect(said.text).toContain(`Redis has lost the log of ${run} (inapp staging): nobody carries it on`);
  expect(said.text).toContain('Writes were OFF when it was read last');
  expect(said.text).toContain('npx pgupgrade give-back-writes staging --service inapp');

  const known = writes();
  stage.worker.kill('SIGKILL');
  const stdout = await emergencyExit(world, 'staging');
  expect(stdout).toMatch(/CONNECT and LOGIN on me-inapp-staging-pg15 are as they were before its fence; .* Writes are on\./);
  expect(stdout).toMatch(/inapp-web is scaled to \d+ replicas again\./);
  await expect.poll(writes, { timeout: 30_000 }).toBeGreaterThan(known + 100);
  expect(world.google.log.filter(({ path }) => path.endsWith(':promote'))).toEqual([]);
  const { lost, doubled } = await world.watch.count(source, () => true);
  expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
}, 600_000);
