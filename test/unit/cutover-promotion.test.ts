import { describe, expect, it } from 'vitest';
import type { Clients } from '../../src/clients.ts';
import type { RunView } from '../../src/engine/step.ts';
import { NeedsHuman, Transient } from '../../src/errors.ts';
import type { MigrationJob } from '../../src/gcp/types.ts';
import type { Sql } from '../../src/postgres/types.ts';
import { promoteDestination } from '../../src/steps/switch-to-the-new-instance/promote-destination.ts';
import { recordingRun } from '../support/step-run.ts';

interface Case {
  readonly claim?: boolean;
  readonly refusal?: Error;
  /** What the job is when it is read, one after the other; the last one stays. */
  readonly jobs: readonly MigrationJob[];
  /** An operation that is found running after the call. */
  readonly running?: string;
  readonly slots?: number;
  /** An operation that an earlier try recorded, and whether it has ended. */
  readonly recorded?: string;
  readonly recordedDone?: boolean;
  readonly pitr?: 'after' | 'inside-write-stop';
  readonly patchFails?: boolean;
  /** The bot has not called it: the deadline still runs. */
  readonly deadlineAt?: number;
}
const following: MigrationJob = { state: 'RUNNING', phase: 'CDC' };
const completed: MigrationJob = { state: 'COMPLETED' };

/** The step with a Google that answers as told; what it did, in order. */
async function promote({
  claim = true,
  refusal,
  jobs,
  running,
  slots = 1,
  recorded,
  recordedDone = false,
  pitr = 'after',
  patchFails = false,
  deadlineAt,
}: Case): Promise<{ readonly did: readonly string[]; readonly looksBefore: number; readonly error: unknown }> {
  const did: string[] = [];
  let read = 0;
  let looksBefore = 0;
  const slot = { slot: 's', database: 'inapp', active: true, wal_status: 'reserved', retained: '0', lag: '0' };
  const sql = {
    look: async (text: string) => (text.includes('pglogical_output') ? Array.from({ length: slots }, () => slot) : []),
  } as Partial<Sql> as Sql;
  const clients = {
    target: { databases: {}, workloads: {}, destination: 'new', secrets: {}, cutover: { pitr } },
    cloudSql: {
      instance: async () => ({ settings: { settingsVersion: '3' } }),
      patchInstance: async () => {
        did.push('backed up');
        return 'operation-2';
      },
      wait: async () => {
        if (patchFails) throw new NeedsHuman('gcp.operation-failed', 'the patch failed', { remedy: 'look' });
      },
    },
    postgres: { database: async () => sql },
    dataMigration: {
      job: async () => jobs[Math.min(read++, jobs.length - 1)],
      runningOperations: async () =>
        running !== undefined && did.includes('called') ? [{ name: running, metadata: { verb: 'promote' } }] : [],
      promote: async () => {
        looksBefore = read;
        did.push('called');
        if (refusal) throw refusal;
        return 'operation-1';
      },
      operation: async (name: string) => ({ name, done: recordedDone }),
      wait: async (operation: string) => void did.push(`waited for ${operation}`),
    },
  } as Partial<Record<keyof Clients, unknown>> as Clients;
  const run: RunView = {
    ...recordingRun('promote-destination', { uid: 'abcd1234' }),
    claimPromotion: async () => {
      did.push('claimed');
      return claim;
    },
    promotionRefused: async () => void did.push('refused'),
    deadlineAt,
  };
  if (recorded !== undefined) await run.record('operation', recorded);
  try {
    await promoteDestination.apply?.(clients, run);
    return { did, looksBefore, error: undefined };
  } catch (error) {
    return { did, looksBefore, error };
  }
}

describe('the promotion', () => {
  it('is claimed before it is called', async () => {
    const { did, error } = await promote({ jobs: [following] });
    expect({ did, error }).toEqual({ did: ['claimed', 'called', 'waited for operation-1'], error: undefined });
  });
  it('is called at once where the bot cannot have called it before: the writes are off', async () => {
    expect((await promote({ jobs: [following], deadlineAt: 1 })).looksBefore).toBe(0);
    expect((await promote({ jobs: [following] })).looksBefore).toBe(1);
  });
  it('of somebody else is adopted from the refusal', async () => {
    const refusal = new NeedsHuman('gcp.failed-precondition', 'it is COMPLETED', { remedy: '' });
    const { did, error } = await promote({ jobs: [completed], refusal, deadlineAt: 1 });
    expect({ did, error }).toEqual({ did: ['claimed', 'called'], error: undefined });
  });
  it('is not called where the writes are being given back', async () => {
    const { did, error } = await promote({ claim: false, jobs: [following] });
    expect(did).toEqual(['claimed']);
    expect(error).toMatchObject({ code: 'promotion.excluded' });
  });
  it('is adopted when it is done already', async () => {
    expect((await promote({ jobs: [completed] })).did).toEqual(['claimed']);
  });
  it('opens the way back to the source only when Google refused and the job still replicates', async () => {
    const { did, error } = await promote({ jobs: [following], refusal: new NeedsHuman('gcp.failed-precondition', 'no', { remedy: '' }) });
    expect(did).toEqual(['claimed', 'called', 'refused']);
    expect(error).toBeInstanceOf(NeedsHuman);
  });
  it('stays called when the answer is lost', async () => {
    const { did, error } = await promote({ jobs: [following], refusal: new Transient('gcp.connection-lost', 'lost') });
    expect(did).toEqual(['claimed', 'called']);
    expect(error).toBeInstanceOf(Transient);
  });
  it('stays called when Google refused and the slots are gone', async () => {
    const { did } = await promote({
      jobs: [following],
      slots: 0,
      refusal: new NeedsHuman('gcp.failed-precondition', 'no', { remedy: '' }),
    });
    expect(did).toEqual(['claimed', 'called']);
  });
  it('goes on with the operation that is found after a lost answer', async () => {
    const { did, error } = await promote({
      jobs: [following],
      running: 'operation-9',
      refusal: new Transient('gcp.connection-lost', 'lost'),
    });
    expect(did).toEqual(['claimed', 'called', 'waited for operation-9']);
    expect(error).toBeUndefined();
  });
  it('adopts the operation that an earlier try recorded while it runs', async () => {
    expect((await promote({ jobs: [following], recorded: 'operation-0' })).did).toEqual(['claimed', 'waited for operation-0']);
  });
  it('is called anew when the recorded operation of an earlier try has ended', async () => {
    expect((await promote({ jobs: [following], recorded: 'operation-0', recordedDone: true })).did).toEqual([
      'claimed',
      'called',
      'waited for operation-1',
    ]);
  });
  it('turns the backups on before anybody connects where the service file puts it there', async () => {
    const { did, error } = await promote({ jobs: [following], pitr: 'inside-write-stop' });
    expect(did.at(-1)).toBe('backed up');
    expect(error).toBeUndefined();
  });
  it('does not hold the write stop when the backups cannot be turned on', async () => {
    expect((await promote({ jobs: [following], pitr: 'inside-write-stop', patchFails: true })).error).toBeUndefined();
  });
});
