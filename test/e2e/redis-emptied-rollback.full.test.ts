import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdTable } from '../support/hold-table.ts';
import { emptiesRedis } from '../support/redis-emptied.ts';
import { openStage, type Stage } from '../support/stage.ts';

/** Redis forgets everything inside the write stop of a rollback. */
let stage: Stage;
beforeAll(async () => {
  stage = await openStage({ leaves: (gate) => gate === 'approve-rollback' });
}, 120_000);
afterAll(() => stage?.close());

test('one sentence says that the log is gone and the writes are off, and give-back-writes opens the new instance again', async () => {
  const { world } = stage;
  const source = stage.cluster('me-inapp-staging-pg15');
  const run = await stage.starts('staging');
  await stage.ended(run, 'finished');
  await world.settled('staging');
  const destination = stage.cluster('me-inapp-staging-pg17');

  await stage.says('U0OPERATOR', `/pgupgrade rollback ${run} "queries are slow"`);
  const { gate } = await stage.until(run, (state) => state.gate?.gate === 'approve-rollback', 'the question', 120_000);
  // The old instance cannot get to the end, so that the rollback is still before its point of no return.
  const held = await holdTable(source, 'public.campaign');
  try {
    await stage.says('U0APPROVER', `/pgupgrade approve ${run} --question=${gate?.nonce}`);
    await stage.fact(run, 'step.done', 'fence-destination');
    await emptiesRedis(stage, run, destination);
  } finally {
    await held.release();
  }
  expect(world.ledger.writes().filter(({ server, at }) => server === source.host && at > (gate?.askedAt ?? 0))).toEqual([]);
}, 600_000);
