import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, todo, waiting } from '../../engine/step.ts';

const timeoutMs = 6 * 3_600_000;
const description = (run: RunView) => `pgupgrade ${run.run} ${run.uid} before the upgrade`;

/** A backup on demand, told from others by its description. */
export const backUpSource: Step<Pick<Clients, 'target' | 'cloudSql'>> = {
  id: 'back-up-source',
  title: 'Back up the source',
  impact: 'none',

  async check({ target, cloudSql }, run) {
    const ours = await ownBackups(cloudSql, target.source, run);
    const good = ours.find((backup) => backup.status === 'SUCCESSFUL');
    if (good) return done(`backup ${good.id} of ${target.source} is SUCCESSFUL`);
    const open = ours.find((backup) => backup.status !== 'FAILED');
    if (open) return waiting(`backup ${open.id} of ${target.source} is ${open.status}`, 2_000);
    return todo([`back up ${target.source} on demand: "${description(run)}"`]);
  },

  async apply({ target, cloudSql }, run) {
    if ((await ownBackups(cloudSql, target.source, run)).some((backup) => backup.status !== 'FAILED')) return;
    const operation = await cloudSql.insertBackup(target.source, description(run));
    await run.record('operation', operation);
    await cloudSql.wait(operation, { signal: run.signal, timeoutMs });
  },

  undo: { keep: 'a backup is harmless' },
};

async function ownBackups(cloudSql: Clients['cloudSql'], source: string, run: RunView) {
  return (await cloudSql.backups(source)).filter((backup) => backup.description === description(run));
}
