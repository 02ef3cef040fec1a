import { expect } from 'vitest';
import type { Cluster } from '../../sandbox/types.ts';
import { emergencyExit } from './emergency-exit.ts';
import type { Stage } from './stage.ts';

/** Inside a write stop on `home`: Redis forgets everything, one sentence says so, and give-back-writes opens `home` again. */
export async function emptiesRedis(stage: Stage, run: string, home: Cluster): Promise<void> {
  const { world } = stage;
  const writes = () => world.ledger.writes().filter(({ server }) => server === home.host).length;
  await stage.redis.flushall();
  const said = await world.slack.waitFor(({ text }) => text.includes('has lost the log'), 60_000);
  expect(said.text).toContain(`Redis has lost the log of ${run} (inapp staging): nobody carries it on`);
  expect(said.text).toContain('Writes were OFF when it was read last');
  expect(said.text).toContain('npx pgupgrade give-back-writes staging --service inapp');

  const known = writes();
  stage.worker.kill('SIGKILL');
  const stdout = await emergencyExit(world, 'staging');
  expect(stdout).toMatch(new RegExp(`CONNECT and LOGIN on ${home.name} are as they were before its fence; .* Writes are on\\.`));
  expect(stdout).toMatch(/inapp-web is scaled to \d+ replicas again\./);
  await expect.poll(writes, { timeout: 30_000 }).toBeGreaterThan(known + 100);
  const { lost, doubled } = await world.watch.count(home, () => true);
  expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
}
