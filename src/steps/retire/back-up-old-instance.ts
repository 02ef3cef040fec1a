import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo, waiting } from '../../engine/step.ts';

type Needs = Pick<Clients, 'target' | 'cloudSql'>;
const timeoutMs = 6 * 3_600_000;
const description = (run: RunView) => `pgupgrade ${run.run} ${run.uid} before the deletion`;

/** Google deletes an instance's backups with it, unless the instance says that they stay. */
export const backUpOldInstance: Step<Needs> = {
  id: 'back-up-old-instance',
  title: 'Back up the old instance for the last time',
  impact: 'none',

  async check({ target, cloudSql }, run) {
    const instance = await cloudSql.instance(target.source);
    if (!instance) return done(`${target.source} is gone`);
    const plan = instance.settings?.retainBackupsOnDelete === true ? [] : [`${target.source}: retainBackupsOnDelete → true`];
    const ours = (await cloudSql.backups(target.source)).filter((backup) => backup.description === description(run));
    const good = ours.find(({ status }) => status === 'SUCCESSFUL');
    if (good && plan.length === 0) return done(`backup ${good.id} of ${target.source} is SUCCESSFUL and outlives the instance`);
    const failed = ours.find(({ status }) => status === 'FAILED');
    if (!good && failed)
      return blocked(
        'gcp.backup-failed',
        `Backup ${failed.id} of ${target.source} failed: ${failed.error?.message ?? 'no reason given'}.`,
        'Delete the failed backup, then press Retry.',
      );
    const open = ours.find(({ status }) => status !== 'SUCCESSFUL');
    if (!good && open) return waiting(`backup ${open.id} of ${target.source} is ${open.status}`, 2_000);
    return todo([...plan, ...(good ? [] : [`back up ${target.source} on demand: "${description(run)}"`])]);
  },

  async apply({ target, cloudSql }, run) {
    const instance = await cloudSql.instance(target.source);
    if (instance?.settings?.retainBackupsOnDelete !== true)
      await cloudSql.wait(
        await cloudSql.patchInstance(target.source, {
          settings: { settingsVersion: instance?.settings?.settingsVersion ?? null, retainBackupsOnDelete: true },
        }),
        { signal: run.signal, timeoutMs: 30 * 60_000 },
      );
    if ((await cloudSql.backups(target.source)).some((backup) => backup.description === description(run))) return;
    const operation = await cloudSql.insertBackup(target.source, description(run));
    await run.record('operation', operation);
    await cloudSql.wait(operation, { signal: run.signal, timeoutMs });
  },

  undo: { keep: 'a backup is harmless' },
};
