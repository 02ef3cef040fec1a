import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, todo, waiting } from '../../engine/step.ts';
import { migrationJobId, profileId, requestId } from '../../gcp/names.ts';

/** Created, not started: a CONTINUOUS job over VPC peering with the parallelism that Google calls Maximum. */
export const createMigrationJob: Step<Pick<Clients, 'target' | 'dataMigration'>> = {
  id: 'create-migration-job',
  title: 'Create the migration job, without starting it',
  impact: 'none',

  async check({ target, dataMigration }, run) {
    const id = migrationJobId(run);
    const job = await dataMigration.job(id);
    if (!job)
      return todo([
        `create migration job ${id}: CONTINUOUS, VPC peering over ${target.network}, parallelism MAX, from ${profileId(run, 'source')} to ${profileId(run, 'destination')}`,
      ]);
    if (job.state === 'CREATING') return waiting(`migration job ${id} is being created`, 2_000);
    if (job.state === 'FAILED')
      return blocked(
        'gcp.job-failed',
        `Migration job ${id} failed: ${job.error?.message ?? 'no reason given'}.`,
        'Read the job in Database Migration Service, then press Retry or Abort.',
      );
    return done(`migration job ${id} is ${job.state}`);
  },

  async apply({ target, dataMigration }, run) {
    const id = migrationJobId(run);
    const wait = { signal: run.signal, timeoutMs: 10 * 60_000 };
    const begun = run.recall<string>('operation');
    if (begun !== undefined && !(await dataMigration.operation(begun)).done) await dataMigration.wait(begun, wait);
    if (await dataMigration.job(id)) return;
    const operation = await dataMigration.createJob(
      id,
      {
        displayName: id,
        type: 'CONTINUOUS',
        source: `${target.location}/connectionProfiles/${profileId(run, 'source')}`,
        destination: `${target.location}/connectionProfiles/${profileId(run, 'destination')}`,
        sourceDatabase: { engine: 'POSTGRESQL', provider: 'CLOUDSQL' },
        destinationDatabase: { engine: 'POSTGRESQL', provider: 'CLOUDSQL' },
        vpcPeeringConnectivity: { vpc: target.network },
        performanceConfig: { dumpParallelLevel: 'MAX' },
        labels: { 'managed-by': 'pgupgrade', 'pgupgrade-run': run.uid },
      },
      // Under the id of a request that was carried out Google makes nothing again, not even what was deleted meanwhile.
      requestId(run, `create ${id} after ${begun ?? 'nothing'}`),
    );
    await run.record('operation', operation);
    await dataMigration.wait(operation, wait);
  },

  async undo({ dataMigration }, run) {
    const id = migrationJobId(run);
    if (!(await dataMigration.job(id))) return;
    await dataMigration.wait(await dataMigration.deleteJob(id), { signal: run.signal, timeoutMs: 10 * 60_000 });
  },
};
