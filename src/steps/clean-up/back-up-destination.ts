import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, todo, waiting } from '../../engine/step.ts';

/** At once and without a gate: production must not wait for a click to be backed up. */
export const backUpDestination: Step<Pick<Clients, 'target' | 'cloudSql'>> = {
  id: 'back-up-destination',
  title: 'Back up the new instance',
  impact: 'none',

  async check({ target, cloudSql }, run) {
    const description = `pgupgrade ${run.run} ${run.uid} after the promotion`;
    const backup = (await cloudSql.backups(target.destination)).find((one) => one.description === description);
    if (!backup) return todo([`back up ${target.destination} on demand: "${description}"`]);
    if (backup.status === 'SUCCESSFUL') return done(`backup ${backup.id} of ${target.destination} is SUCCESSFUL`);
    if (backup.status === 'FAILED')
      return blocked(
        'gcp.backup-failed',
        `Backup ${backup.id} of ${target.destination} failed: ${backup.error?.message ?? 'no reason given'}.`,
        'Delete the failed backup, then press Retry.',
      );
    return waiting(`backup ${backup.id} is ${backup.status}`, 2_000);
  },

  async apply({ target, cloudSql }, run) {
    const operation = await cloudSql.insertBackup(target.destination, `pgupgrade ${run.run} ${run.uid} after the promotion`);
    await run.record('operation', operation);
    await cloudSql.wait(operation, { signal: run.signal, timeoutMs: 60 * 60_000 });
  },

  undo: { keep: 'a backup is harmless' },
};
