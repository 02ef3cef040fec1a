import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo, waiting } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { migrationJobId } from '../../gcp/names.ts';
import { until } from '../../gcp/operations.ts';
import { dropMigrationSlots } from '../../postgres/migration-slots.ts';

type Needs = Pick<Clients, 'target' | 'dataMigration' | 'postgres' | 'secrets'>;
const started = new Set(['RUNNING', 'COMPLETED', 'RESUMING']);
const underWay = new Set(['STARTING', 'RESTARTING', 'STOPPING']);
const withinMs = 15 * 60_000;
/** In the ledger: the job was stopped and its slots are gone, so that only a restart goes on. */
const takenBack = 'taken back';

/** From here on the source keeps WAL for the job: its slots are watched by `wait-for-sync`. */
export const startMigrationJob: Step<Needs> = {
  id: 'start-migration-job',
  title: 'Start the migration job',
  impact: 'none',

  async check({ dataMigration }, run) {
    const id = migrationJobId(run);
    const job = await dataMigration.job(id);
    if (!job) return blocked('gcp.not-found', `Migration job ${id} does not exist.`, 'Abort and start again.');
    const state = job.state ?? 'UNKNOWN';
    if (underWay.has(state)) return waiting(`migration job ${id} is ${state}`, 1_000);
    if (started.has(state)) return done(`migration job ${id} is ${state}`);
    if (state === 'STOPPED' || (state === 'FAILED' && run.recall(takenBack) === true))
      return todo([`restart migration job ${id}: the destination is emptied and everything is copied again`]);
    if (state === 'FAILED')
      return blocked(
        'gcp.job-failed',
        `Migration job ${id} failed: ${job.error?.message ?? 'no reason given'}.`,
        'Read the job in Database Migration Service and put right what it names, then *Restart the copy*: a failed one has to begin anew.',
        { restartCopy: true },
      );
    return todo([`start migration job ${id}`]);
  },

  async apply({ dataMigration }, run) {
    const id = migrationJobId(run);
    const state = (await dataMigration.job(id))?.state ?? '';
    // A second start is refused.
    if (started.has(state) || underWay.has(state)) return;
    await run.record('began', Date.now());
    const operation = ['STOPPED', 'FAILED'].includes(state) ? await dataMigration.restart(id) : await dataMigration.start(id);
    await run.record('operation', operation);
    await dataMigration.wait(operation, { signal: run.signal, timeoutMs: withinMs });
    await run.record(takenBack, false);
  },

  /** Stopping alone leaves the slots: they hold WAL until the disk is full. */
  async undo(clients, run) {
    const { target, postgres, secrets } = clients;
    await stop(clients, run);
    await dropMigrationSlots(postgres, { password: (await secrets.latest(target.secrets['migration'] ?? '')) ?? '', signal: run.signal });
    await run.record(takenBack, true);
  },
};

/** What a worker that died has begun is waited for. A job that has failed may refuse: its slots tell whether it still reads. */
async function stop({ dataMigration }: Needs, run: RunView): Promise<void> {
  const id = migrationJobId(run);
  const wait = { signal: run.signal, timeoutMs: withinMs };
  const stateNow = async () => (await dataMigration.job(id))?.state ?? '';
  const state = await until(`What migration job ${id} does`, wait, async () => {
    const now = await stateNow();
    return underWay.has(now) ? undefined : { now };
  });
  if (!['RUNNING', 'FAILED', 'RESUMING'].includes(state.now)) return;
  try {
    await dataMigration.wait(await dataMigration.stop(id), wait);
  } catch (error) {
    if (!(error instanceof NeedsHuman) || (await stateNow()) !== 'FAILED') throw error;
  }
}
