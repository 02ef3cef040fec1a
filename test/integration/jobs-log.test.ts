import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunHeader } from '../../src/engine/facts.ts';
import { checkDurability } from '../../src/jobs/durability.ts';
import { connectJobs, type Jobs } from '../../src/jobs/jobs.ts';
import { acquireLease, type Lease, leaseIsFree } from '../../src/jobs/lease.ts';
import { appendScript } from '../../src/jobs/scripts.ts';
import { redisForTests } from '../support/engine-bench.ts';

let redis: Awaited<ReturnType<typeof redisForTests>>;
let jobs: Jobs;
let count = 0;
beforeAll(async () => {
  redis = await redisForTests();
});
beforeEach(async () => {
  count += 1;
  const opened = connectJobs({ redisUrl: redis.url, shape: [], prefix: `log${count}`, report: () => undefined });
  jobs = opened;
  return () => opened.close();
});
afterAll(async () => {
  await redis.close();
});

const header = (uid: string, environment = 'staging'): Omit<RunHeader, 'run'> => ({
  uid,
  service: 'inapp',
  environment,
  from: 15,
  to: 17,
  by: 'U0OPERATOR',
  channel: 'C1',
  steps: [],
  format: 1,
});
const note = (text: string) => ({ type: 'note', by: 'ann', text }) as const;
const owned = { type: 'step.done', step: 'one', evidence: '', changed: true } as const;
async function lease(run: string, lengthMs = 5_000): Promise<Lease> {
  const answer = await acquireLease(jobs.redis, jobs.keys, run, lengthMs);
  if ('heldForMs' in answer) throw new Error(`held for ${answer.heldForMs} ms`);
  return answer;
}

describe('the run log on Redis', () => {
  test('gives the environment to one of many who start at once, and again when that run has ended', async () => {
    const answers = await Promise.all(['aaaaaaaa', 'bbbbbbbb', 'cccccccc'].map((uid) => jobs.log.start(header(uid))));
    expect(answers.filter((answer) => 'started' in answer)).toEqual([{ started: 'PG-1' }]);
    expect(answers.filter((answer) => 'heldBy' in answer)).toEqual([{ heldBy: 'PG-1' }, { heldBy: 'PG-1' }]);
    expect(await jobs.log.start(header('dddddddd', 'production'))).toEqual({ started: 'PG-2' });
    expect(await jobs.log.append('PG-1', 1, [{ type: 'run.aborted' }])).toBe('appended');
    expect(await jobs.log.start(header('eeeeeeee'))).toEqual({ started: 'PG-3' });
    expect((await jobs.log.runs()).map(({ run, active }) => [run, active])).toEqual([
      ['PG-3', true],
      ['PG-2', true],
      ['PG-1', false],
    ]);
  });

  test('a leg of a run that has ended takes the environment again, in the same call, unless another run has it', async () => {
    const leg = { type: 'leg.begun', leg: 'rollback', by: 'ann', reason: 'slow', steps: [] } as const;
    await jobs.log.start(header('aaaaaaaa'));
    await jobs.log.append('PG-1', 1, [{ type: 'run.finished' }]);
    await jobs.log.start(header('bbbbbbbb'));
    expect(await jobs.log.append('PG-1', 2, [leg])).toEqual({ heldBy: 'PG-2' });
    expect(await jobs.log.read('PG-1')).toHaveLength(2);
    await jobs.log.append('PG-2', 1, [{ type: 'run.aborted' }]);
    const answers = await Promise.all([jobs.log.append('PG-1', 2, [leg]), jobs.log.start(header('cccccccc'))]);
    expect(answers).toEqual(['appended', { heldBy: 'PG-1' }]);
    await jobs.log.append('PG-1', 3, [{ type: 'leg.abandoned', leg: 'rollback', releases: false }]);
    expect((await jobs.log.runs()).find(({ run }) => run === 'PG-1')?.active).toBe(true);
    await jobs.log.append('PG-1', 4, [{ type: 'leg.abandoned', leg: 'rollback', releases: true }]);
    expect(await jobs.log.start(header('dddddddd'))).toEqual({ started: 'PG-3' });
  });

  test('starts nothing in an environment that is locked, and keeps the lock of whoever came first', async () => {
    const place = { service: 'inapp', environment: 'staging' };
    const locked = await Promise.all(['ann', 'bob'].map((by) => jobs.log.lock(place, { by, reason: `for ${by} {}[]` })));
    expect(locked.filter(({ mine }) => mine)).toHaveLength(1);
    const [held] = locked.map(({ lock }) => lock);
    expect(locked.every(({ lock }) => lock.by === held?.by && lock.reason === `for ${held?.by} {}[]` && lock.at === held?.at)).toBe(true);
    expect(await jobs.log.start(header('aaaaaaaa'))).toEqual({ locked: held });
    expect(await jobs.log.start(header('bbbbbbbb', 'production'))).toEqual({ started: 'PG-1' });
    expect([...(await jobs.log.locks())]).toEqual([['inapp/staging', held]]);
    expect(await jobs.log.unlock(place)).toEqual(held);
    expect(await jobs.log.unlock(place)).toBeUndefined();
    expect(await jobs.log.start(header('cccccccc'))).toEqual({ started: 'PG-2' });
  });

  test('a start that is sent twice is one run, and never takes the name of a run that is there', async () => {
    expect(await jobs.log.start(header('aaaaaaaa'))).toEqual({ started: 'PG-1' });
    expect(await jobs.log.start(header('aaaaaaaa'))).toEqual({ started: 'PG-1' });
    await jobs.redis.del(jobs.keys.counter);
    expect(await jobs.log.start(header('bbbbbbbb', 'production'))).toEqual({ started: 'PG-2' });
  });

  test('stamps facts with Redis’ clock and keeps them word for word, empty lists included', async () => {
    await jobs.log.start(header('aaaaaaaa'));
    const before = Date.now();
    await jobs.log.append('PG-1', 1, [note('ä “quoted” \\ {}'), note('two')]);
    const [first, second, third] = await jobs.log.read('PG-1');
    expect(first).toEqual({ at: expect.any(Number), type: 'run.started', run: 'PG-1', ...header('aaaaaaaa') });
    expect(second).toEqual({ at: expect.any(Number), ...note('ä “quoted” \\ {}') });
    expect(Math.abs((third?.at ?? 0) - before)).toBeLessThan(2_000);
  });

  test('appends only to the log that was read: of two at once one is stale', async () => {
    await jobs.log.start(header('aaaaaaaa'));
    const answers = await Promise.all([jobs.log.append('PG-1', 1, [note('a')]), jobs.log.append('PG-1', 1, [note('b')])]);
    expect(answers).toEqual(['appended', 'stale']);
    expect(await jobs.log.append('PG-9', 0, [note('to nobody')])).toBe('stale');
    expect(await jobs.log.read('PG-1')).toHaveLength(2);
  });

  test('an append that the client sends again after a lost answer is made once', async () => {
    await jobs.log.start(header('aaaaaaaa'));
    const { keys } = jobs;
    const send = () =>
      jobs.redis.eval(
        appendScript,
        4,
        keys.log('PG-1'),
        keys.appended('PG-1'),
        keys.lease('PG-1'),
        keys.claims,
        '1',
        '',
        'the same id',
        'PG-1',
        keys.changes,
        '0',
        JSON.stringify(note('once')),
      );
    expect([await send(), await send()]).toEqual(['appended', 'appended']);
    expect(await jobs.log.read('PG-1')).toHaveLength(2);
  });

  test('takes the facts of an execution only from the owner of the lease', async () => {
    await jobs.log.start(header('aaaaaaaa'));
    expect(await jobs.log.append('PG-1', 1, [owned])).toBe('not-owner');
    const first = await lease('PG-1');
    await first.release();
    const second = await lease('PG-1');
    expect(second.token).toBeGreaterThan(first.token);
    expect(await jobs.log.append('PG-1', 1, [owned], first.token)).toBe('not-owner');
    expect(await jobs.log.append('PG-1', 1, [note('a click needs none')])).toBe('appended');
    expect(await jobs.log.append('PG-1', 2, [owned], second.token)).toBe('appended');
    await second.release();
    expect(await jobs.log.append('PG-1', 3, [owned], second.token)).toBe('not-owner');
  });

  test('tells every watcher of appends and progress, until it stops watching', async () => {
    await jobs.log.start(header('aaaaaaaa'));
    const heard = vi.fn();
    const end = await jobs.log.watch(heard);
    await jobs.log.append('PG-1', 1, [note('a')]);
    await vi.waitFor(() => expect(heard.mock.calls).toEqual([['PG-1']]));
    await jobs.log.setProgress('PG-1', 'one', { text: '42 %', fraction: 0.42 });
    await vi.waitFor(() => expect(heard).toHaveBeenCalledTimes(2));
    expect(await jobs.log.progress('PG-1')).toEqual({ text: '42 %', fraction: 0.42, step: 'one', at: expect.any(Number) });
    await end();
    await jobs.log.append('PG-1', 2, [note('b')]);
    const other = vi.fn();
    await jobs.log.watch(other);
    await jobs.log.append('PG-1', 3, [note('c')]);
    await vi.waitFor(() => expect(other).toHaveBeenCalled());
    expect(heard).toHaveBeenCalledTimes(2);
  });
});

describe('the lease', () => {
  test('is one owner’s, and outlives its length as long as it is renewed', async () => {
    const mine = await lease('PG-1', 300);
    const until = performance.now() + 700;
    while (performance.now() < until) {
      expect(await acquireLease(jobs.redis, jobs.keys, 'PG-1', 300)).toMatchObject({ heldForMs: expect.any(Number) });
      await mine.guard();
    }
    await mine.release();
    expect(await leaseIsFree(jobs.redis, jobs.keys, 'PG-1')).toBe(true);
  });

  test('that is not renewed is lost: its signal aborts, its guard refuses, and it cannot end the next owner’s', async () => {
    const mine = await lease('PG-1', 150);
    mine.stopRenewing();
    await vi.waitFor(() => expect(mine.signal.aborted).toBe(true));
    const next = await vi.waitFor(() => lease('PG-1'));
    await expect(mine.guard()).rejects.toThrow('the lease of PG-1 is lost: another worker owns the run now');
    await mine.release();
    expect(await leaseIsFree(jobs.redis, jobs.keys, 'PG-1')).toBe(false);
    await next.guard();
    await next.release();
  });

  test('that somebody else has by now is seen by the guard before the signal', async () => {
    const mine = await lease('PG-1');
    await jobs.redis.set(jobs.keys.lease('PG-1'), mine.token + 1);
    expect(mine.signal.aborted).toBe(false);
    await expect(mine.guard()).rejects.toThrow('the lease of PG-1 is lost');
    expect(mine.signal.aborted).toBe(true);
    await mine.release();
  });
});

describe('durability', () => {
  test('has nothing to say of a Redis that keeps everything', async () => {
    expect(await checkDurability(jobs.redis, 'require')).toEqual([]);
  });

  test('refuses one that may forget, with the command that fixes it; warns where it is told to', async () => {
    await jobs.redis.config('SET', 'appendfsync', 'everysec');
    try {
      const said =
        'Redis has appendfsync everysec; run: redis-cli CONFIG SET appendfsync always (or a crash of the machine forgets the last second), and CONFIG REWRITE to keep it.';
      await expect(checkDurability(jobs.redis, 'require')).rejects.toThrow(said);
      expect(await checkDurability(jobs.redis, 'warn')).toEqual([said]);
      expect(await checkDurability(jobs.redis, 'declared')).toEqual([]);
    } finally {
      await jobs.redis.config('SET', 'appendfsync', 'always');
    }
  });

  test('says what to do where CONFIG is blocked', async () => {
    const blocked = { config: async () => Promise.reject(new Error('ERR unknown command')) } as unknown as Parameters<
      typeof checkDurability
    >[0];
    expect((await checkDurability(blocked, 'warn'))[0]).toMatch(
      /^Redis does not tell its maxmemory-policy; see that it is noeviction .* REDIS_DURABILITY=declared\.$/,
    );
  });
});
