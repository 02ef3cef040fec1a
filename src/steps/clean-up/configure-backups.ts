import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, todo } from '../../engine/step.ts';
import { backupChanges, restoreBackups } from '../../gcp/backup-settings.ts';
import type { InstanceSettings } from '../../gcp/types.ts';

/** Schedule, retention and point-in-time recovery as the source had them. Only turning PITR on may restart the instance. */
export const configureBackups: Step<Pick<Clients, 'target' | 'cloudSql'>> = {
  id: 'configure-backups',
  title: 'Configure backup for the new database',
  impact: 'restart',
  gate: { question: 'Turn point-in-time recovery on now? The new instance may restart: writes would be off for some seconds.' },

  async check({ target, cloudSql }, run) {
    const wanted = run.recall<InstanceSettings>('source-settings', 'create-destination') ?? {};
    const instance = await cloudSql.instance(target.destination);
    if (!instance)
      return blocked('gcp.not-found', `Instance ${target.destination} does not exist.`, 'Look at the project, then press Retry.');
    const changes = backupChanges(instance, wanted);
    if (changes.length === 0) return done(`${target.destination} is backed up as ${target.source} is`);
    return todo(
      changes.map(
        ({ field, from, to }) =>
          `${target.destination}: backupConfiguration.${field} ${JSON.stringify(from ?? null)} → ${JSON.stringify(to)}`,
      ),
      { gate: changes.some(({ field }) => field === 'pointInTimeRecoveryEnabled') },
    );
  },

  async apply({ target, cloudSql }, run) {
    const wanted = run.recall<InstanceSettings>('source-settings', 'create-destination') ?? {};
    const instance = await cloudSql.instance(target.destination);
    if (run.recall('before') === undefined) await run.record('before', instance?.settings?.backupConfiguration ?? {});
    await restoreBackups(cloudSql, target.destination, wanted, run.signal, (operation) => run.record('operation', operation));
  },

  async undo({ target, cloudSql }, run) {
    const before = run.recall<InstanceSettings['backupConfiguration']>('before');
    if (!before || !(await cloudSql.instance(target.destination))) return;
    await restoreBackups(cloudSql, target.destination, { backupConfiguration: before }, run.signal);
  },
};
