import { describe, expect, it } from 'vitest';
import type { Clients } from '../../src/clients.ts';
import { NeedsHuman } from '../../src/errors.ts';
import type { Sql } from '../../src/postgres/types.ts';
import { startMigrationJob } from '../../src/steps/prepare-the-destination/start-migration-job.ts';
import { recordingRun } from '../support/step-run.ts';

/** The job in a state, over a source without slots; `refuses`: verbs that Google does not take; `next`: what it becomes at each look. */
function world(state: string, options: { readonly refuses?: readonly string[]; readonly next?: readonly string[] } = {}) {
  const calls: string[] = [];
  const job = { state, error: { message: 'subscription down' } };
  const coming = [...(options.next ?? [])];
  const verb = (name: string, becomes: string) => async () => {
    calls.push(name);
    if (options.refuses?.includes(name)) throw new NeedsHuman('gcp.failed-precondition', `cannot ${name}`, { remedy: 'r' });
    job.state = becomes;
    return `operation ${name}`;
  };
  const withoutSlots: Partial<Sql> = { look: async () => [] };
  const postgres: Partial<Clients['postgres']> = { database: async () => withoutSlots as Sql };
  const secrets: Partial<Clients['secrets']> = { latest: async () => 'x' };
  const target: Partial<Clients['target']> = { secrets: { migration: 's' } };
  const dataMigration: Partial<Clients['dataMigration']> = {
    job: async () => {
      const now = { ...job };
      job.state = coming.shift() ?? job.state;
      return now;
    },
    start: verb('start', 'RUNNING'),
    restart: verb('restart', 'RUNNING'),
    stop: verb('stop', 'STOPPED'),
    wait: async () => ({}),
  };
  const clients = { target, secrets, postgres, dataMigration } as Pick<Clients, 'target' | 'secrets' | 'postgres' | 'dataMigration'>;
  const run = recordingRun('start-migration-job', { uid: 'ab12cd34' });
  return {
    calls,
    job,
    run,
    check: () => startMigrationJob.check(clients, run),
    apply: () => startMigrationJob.apply?.(clients, run),
    undo: async () => {
      if (typeof startMigrationJob.undo === 'function') await startMigrationJob.undo(clients, run);
    },
  };
}
const restarts = /^restart migration job \S+: the destination is emptied and everything is copied again$/;

describe('a migration job', () => {
  it('that is new is started', async () => {
    const { check, apply, calls, run } = world('NOT_STARTED');
    expect(await check()).toMatchObject({ state: 'todo', plan: [expect.stringMatching(/^start migration job/)] });
    await apply();
    expect(calls).toEqual(['start']);
    expect(run.recall('began')).toBeGreaterThan(0);
  });

  it('that was taken back is restarted, and says what that does', async () => {
    const { check, apply, undo, calls, run } = world('RUNNING');
    await undo();
    expect(await check()).toMatchObject({ state: 'todo', plan: [expect.stringMatching(restarts)] });
    await apply();
    expect(calls).toEqual(['stop', 'restart']);
    expect(run.recall('taken back')).toBe(false);
    expect(await check()).toMatchObject({ state: 'done' });
  });

  it('that has failed waits for people, who may restart the copy; taken back, it is restarted', async () => {
    const { check, apply, undo, calls } = world('FAILED', { refuses: ['stop'] });
    expect(await check()).toMatchObject({
      state: 'blocked',
      code: 'gcp.job-failed',
      restartCopy: true,
      remedy: expect.stringContaining('*Restart the copy*'),
    });
    // Google may refuse to stop what has failed: nothing of it is left on the source all the same.
    await undo();
    expect(await check()).toMatchObject({ state: 'todo', plan: [expect.stringMatching(restarts)] });
    await apply();
    expect(calls).toEqual(['stop', 'restart']);
  });

  it('whose restart fails is restarted again by a retry', async () => {
    const { check, apply, undo, job, calls } = world('STOPPED', { refuses: ['restart'] });
    await undo();
    await expect(apply()).rejects.toThrow('cannot restart');
    job.state = 'FAILED';
    expect(await check()).toMatchObject({ state: 'todo', plan: [expect.stringMatching(restarts)] });
    expect(calls).toEqual(['restart']);
  });

  it.each(['STARTING', 'RESTARTING', 'STOPPING'])('that is %s is waited for, and nothing is asked of it twice', async (state) => {
    const looked = world(state);
    expect(await looked.check()).toMatchObject({ state: 'waiting' });
    await looked.apply();
    expect(looked.calls).toEqual([]);
    const stopping = world(state, { next: [state, state === 'STOPPING' ? 'STOPPED' : 'RUNNING'] });
    await stopping.undo();
    expect(stopping.calls).toEqual(state === 'STOPPING' ? [] : ['stop']);
    expect(stopping.run.recall('taken back')).toBe(true);
  });

  it('that refuses to be stopped while it runs stops the way back', async () => {
    const { undo, run } = world('RUNNING', { refuses: ['stop'] });
    await expect(undo()).rejects.toThrow('cannot stop');
    expect(run.recall('taken back')).toBeUndefined();
  });
});
