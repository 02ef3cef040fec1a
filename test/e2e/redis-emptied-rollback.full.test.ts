import { afterAll, beforeAll, expect, test } from 'vitest';
import { emergencyExit } from '../support/emergency-exit.ts';
import { holdTable } from '../support/hold-table.ts';
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
  const writes = () => world.ledger.writes().filter(({ server }) => server === destination.host).length;

  await stage.says('U0OPERATOR', `/pgupgrade rollback ${run} "queries are slow"`);
  const { gate } = await stage.until(run, (state) => state.gate?.gate === 'approve-rollback', 'the question', 120_000);
  // The old instance cannot get to the end, so that the rollback is still before its point of no return.
  const held = await holdTable(source, 'public.campaign');
  try {
    await stage.says('U0APPROVER', `/pgupgrade approve ${run} --question=${gate?.nonce}`);
    await stage.fact(run, 'step.done', 'fence-destination');
    await stage.redis.flushall();
    const said = await world.slack.waitFor(({ text }) => text.includes('has lost the log'), 60_000);
    expect(said.text).toContain('Writes were OFF when it was read last');
    expect(said.text).toContain('npx pgupgrade give-back-writes staging --service inapp');

    const known = writes();
    stage.worker.kill('SIGKILL');
    const stdout = await emergencyExit(world, 'staging');
    expect(stdout).toMatch(/CONNECT and LOGIN on me-inapp-staging-pg17 are as they were before its fence; .* Writes are on\./);
    expect(stdout).toMatch(/inapp-web is scaled to \d+ replicas again\./);
    await expect.poll(writes, { timeout: 30_000 }).toBeGreaterThan(known + 100);
  } finally {
    await held.release();
  }
  expect(world.ledger.writes().filter(({ server, at }) => server === source.host && at > (gate?.askedAt ?? 0))).toEqual([]);
  const { lost, doubled } = await world.watch.count(destination, () => true);
  expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
}, 600_000);
