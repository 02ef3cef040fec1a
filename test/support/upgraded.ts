import { expect } from 'vitest';
import type { Cluster } from '../../sandbox/types.ts';
import { pictureOf } from './source-picture.ts';
import { openStage } from './stage.ts';

const withinMs = 600_000;

/**
 * A finished upgrade whose services write on the new instance, with no worker left: what a rollback begins with. The question
 * of the rollback, and the gates that `leaves` names, are the test's.
 */
export async function openUpgraded(leaves: readonly string[] = []) {
  const stage = await openStage({
    // Deaths and take-overs add up: on a busy machine to more than a write stop's usual deadline.
    service: (yaml) => yaml.replace('deadline: 120s', 'deadline: 600s'),
    leaves: (gate) => gate === 'approve-rollback' || leaves.includes(gate),
  });
  try {
    const source = stage.cluster('me-inapp-staging-pg15');
    const before = await pictureOf(stage.world, 'staging');
    const run = await stage.starts('staging');
    await stage.ended(run, 'finished');
    await stage.world.settled('staging');
    await stage.worker.close();
    const writes = (cluster: Cluster) => stage.world.ledger.writes().filter(({ server }) => server === cluster.host).length;
    return {
      stage,
      run,
      source,
      destination: stage.cluster('me-inapp-staging-pg17'),
      /** Of the source, before the upgrade. */
      before,
      async writesFlow(cluster: Cluster): Promise<void> {
        const known = writes(cluster);
        await expect.poll(() => writes(cluster), { timeout: 30_000 }).toBeGreaterThan(known + 50);
      },
      /** Waits for that question and approves it. */
      async approve(gate: string): Promise<void> {
        const asked = await stage.until(run, (state) => state.gate?.gate === gate, gate, withinMs);
        await stage.says('U0APPROVER', `/pgupgrade approve ${run} --question=${asked.gate?.nonce}`);
      },
      close: () => stage.close(),
    };
  } catch (error) {
    await stage.close();
    throw error;
  }
}
export type Upgraded = Awaited<ReturnType<typeof openUpgraded>>;
