import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptiesRedis } from '../support/redis-emptied.ts';
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
  const run = await stage.starts('staging');
  // Every run closes the source, and what follows takes longer than it takes to empty Redis.
  await stage.fact(run, 'step.done', 'fence-source');
  await emptiesRedis(stage, run, source);
  expect(world.google.log.filter(({ path }) => path.endsWith(':promote'))).toEqual([]);
}, 600_000);
