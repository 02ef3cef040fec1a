import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, todo, waiting } from '../../engine/step.ts';
import { migrationJobId } from '../../gcp/names.ts';
import { dropMigrationSlots } from '../../postgres/migration-slots.ts';

const started = new Set(['RUNNING', 'COMPLETED', 'RESUMING']);

/** From here on the source keeps WAL for the job: its slots are watched by `wait-for-sync`. */
export const startMigrationJob: Step<Pick<Clients, 'target' | 'dataMigration' | 'postgres' | 'secrets'>> = {
  id: 'start-migration-job',
  title: 'Start the migration job',
  impact: 'none',

  async check({ dataMigration }, run) {
    const id = migrationJobId(run);
    const job = await dataMigration.job(id);
    if (!job) return blocked('gcp.not-found', `Migration job ${id} does not exist.`, 'Abort and start again.');
    const state = job.state ?? 'UNKNOWN';
    if (state === 'STARTING' || state === 'RESTARTING') return waiting(`migration job ${id} is ${state}`, 1_000);
    if (started.has(state)) return done(`migration job ${id} is ${state}`);
    if (state === 'FAILED')
      return blocked(
        'gcp.job-failed',
        `Migration job ${id} failed: ${job.error?.message ?? 'no reason given'}.`,
        'Read the job in Database Migration Service; a failed copy has to begin anew: abort and start again.',
      );
    return todo([`start migration job ${id}`]);
  },

  async apply({ dataMigration }, run) {
    // A second start is refused.
    if (started.has((await dataMigration.job(migrationJobId(run)))?.state ?? '')) return;
    const operation = await dataMigration.start(migrationJobId(run));
    await run.record('operation', operation);
    await dataMigration.wait(operation, { signal: run.signal, timeoutMs: 15 * 60_000 });
  },

  /** Stopping alone leaves the slots: they hold WAL until the disk is full. */
  async undo(clients, run) {
    const { target, dataMigration, postgres, secrets } = clients;
    const job = await dataMigration.job(migrationJobId(run));
    if (job && ['RUNNING', 'STARTING', 'FAILED', 'RESUMING'].includes(job.state ?? ''))
      await dataMigration.wait(await dataMigration.stop(migrationJobId(run)), { signal: run.signal, timeoutMs: 15 * 60_000 });
    await dropMigrationSlots(postgres, { password: (await secrets.latest(target.secrets['migration'] ?? '')) ?? '', signal: run.signal });
  },
};
