import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { migrationJobId } from '../../gcp/names.ts';
import { explainVerification } from '../../gcp/verification.ts';

/** The job's own test of its prerequisites. Always safe to repeat; its result counts for the job as it was tested. */
export const verifyMigrationJob: Step<Pick<Clients, 'dataMigration'>> = {
  id: 'verify-migration-job',
  title: 'Let Database Migration Service test the job',
  impact: 'none',

  async check(_clients, run) {
    const verified = run.recall<{ warnings: readonly string[] }>('verified');
    if (!verified) return todo([`verify migration job ${migrationJobId(run)}`]);
    return done(['all prerequisites are met', ...verified.warnings].join('; '));
  },

  async apply({ dataMigration }, run) {
    const operation = await dataMigration.verify(migrationJobId(run));
    await run.record('operation', operation);
    const ended = await dataMigration.wait(operation, { signal: run.signal, timeoutMs: 10 * 60_000 });
    const found = dataMigration.verificationErrors(ended).map(explainVerification);
    const errors = found.filter(({ severity }) => severity === 'error');
    if (errors.length > 0 || (ended.error && found.length === 0))
      throw new NeedsHuman(
        'gcp.verification-failed',
        `The test of migration job ${migrationJobId(run)} found: ${errors.map(({ sentence }) => sentence).join(' ') || (ended.error?.message ?? 'an error without a reason')}`,
        {
          remedy: errors.map(({ remedy }) => remedy).join(' ') || 'Read the job in Database Migration Service, then press Retry.',
        },
      );
    await run.record('verified', { warnings: found.map(({ sentence }) => sentence) });
  },

  undo: { keep: 'a test changes nothing' },
};
