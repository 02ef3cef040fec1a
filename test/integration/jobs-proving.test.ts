import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import type { Begun } from '../../src/engine/proof.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { connectJobs } from '../../src/jobs/jobs.ts';
import { type Proved, startProving } from '../../src/jobs/proving.ts';
import { redisForTests } from '../support/engine-bench.ts';
import { fileRunbook } from '../support/file-runbook.ts';

let redis: Awaited<ReturnType<typeof redisForTests>>;
const shape = shapeOf(fileRunbook([{ id: 'compare' }, { id: 'switch' }]));
const closers: (() => Promise<void>)[] = [];
beforeAll(async () => {
  redis = await redisForTests();
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(() => redis.close());

const quiet: Proved = { text: 'every row equal', differing: [], problems: [], prints: { inapp: { '1': 'a' } } };
const begun: readonly FactBody[] = [
  { type: 'step.started', step: 'compare', attempt: 1, token: 1 },
  { type: 'fact.recorded', step: 'compare', key: 'proof', value: { since: 7, prints: quiet.prints } },
];
const done: FactBody = { type: 'step.done', step: 'compare', evidence: 'equal', changed: true };

/** One run, and one process that keeps its proof; `keep` is the world. */
async function opened(keep: (begun: Begun, writing: boolean) => Promise<Proved | undefined>) {
  const asked: { readonly since: number; readonly writing: boolean; readonly prints: unknown }[] = [];
  const errors: string[] = [];
  const jobs = connectJobs({
    redisUrl: redis.url,
    shape,
    prefix: `t${randomBytes(6).toString('hex')}`,
    timing: { proveMs: 20, proofLookMs: 0 },
    report: (event) => event.kind === 'error' && errors.push(String(event.error)),
  });
  const started = await jobs.log.start({
    uid: 'abcd1234',
    service: 'inapp',
    environment: 'staging',
    from: 15,
    to: 17,
    by: 'U1',
    channel: 'C1',
    format: 1,
    steps: shape.map(({ id }) => id),
  });
  const run = 'started' in started ? started.started : '';
  await jobs.redis.set(jobs.keys.lease(run), '1');
  let kept: readonly string[] = [];
  let looks = 0;
  const proving = startProving(jobs, {
    begunBy: { upgrade: 'compare' },
    async keep(one, writing) {
      asked.push({ since: one.since, writing, prints: one.prints });
      return keep(one, writing);
    },
    async keepOnly(uids) {
      kept = [...uids];
      looks++;
    },
  });
  closers.push(
    () => jobs.close(),
    () => proving.close(),
  );
  const log = async () => jobs.log.read(run);
  return {
    asked,
    errors,
    kept: () => kept,
    looks: () => looks,
    look: () => jobs.log.proof(run),
    news: async () => (await log()).flatMap((fact) => (fact.type === 'proof.kept' ? [fact.kept] : [])),
    state: async () => fold(await log(), shape),
    append: async (...facts: readonly FactBody[]) => expect(await jobs.log.append(run, (await log()).length, facts, 1)).toBe('appended'),
    rounds: async (more: number) => {
      const until = asked.length + more;
      await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(until);
    },
  };
}

describe('the proof of a run', () => {
  test('is kept from the comparison’s end until the promotion is called, and what is not new leaves no trace', async () => {
    const world = await opened(async () => quiet);
    await world.append(...begun);
    expect(world.asked).toEqual([]);
    await world.append(done);
    await world.rounds(5);
    expect(await world.look()).toMatchObject({ since: 7, text: 'every row equal' });
    expect(await world.news()).toEqual([]);
    expect(world.kept()).toEqual(['abcd1234']);
    await world.append({ type: 'deadline.set', dueAt: Date.now() + 60_000 });
    await expect.poll(() => world.asked.at(-1)?.writing, { timeout: 5_000 }).toBe(false);
    await world.append({ type: 'promotion.called' });
    await expect.poll(() => world.kept(), { timeout: 5_000 }).toEqual([]);
    // The last look began before the promotion was called; those behind it ask for nothing.
    const [{ length }, looks] = [world.asked, world.looks()];
    await expect.poll(() => world.looks(), { timeout: 5_000 }).toBeGreaterThan(looks + 5);
    expect(world.asked.length).toBe(length);
  });

  test('news are said once, and the next round begins with the prints that they bring', async () => {
    const prints = { inapp: { '1': 'b' } };
    const world = await opened(async () => ({ ...quiet, differing: ['public.t'], problems: ['rows of public.t differ'], prints }));
    await world.append(...begun, done);
    await world.rounds(5);
    expect(await world.news()).toEqual([{ since: 7, differing: ['public.t'], problems: ['rows of public.t differ'], prints }]);
    expect(world.asked.at(-1)?.prints).toEqual(prints);
    expect((await world.state()).records.get('compare')?.get('kept')).toMatchObject({ differing: ['public.t'] });
  });

  test('once it is lost nobody keeps it, until a new one is begun', async () => {
    let lost = true;
    const world = await opened(async () => (lost ? { ...quiet, lost: 'its slot is gone' } : quiet));
    await world.append(...begun, done);
    await expect.poll(() => world.news(), { timeout: 5_000 }).toMatchObject([{ lost: 'its slot is gone' }]);
    await expect.poll(() => world.kept(), { timeout: 5_000 }).toEqual([]);
    lost = false;
    await world.append({ type: 'fact.recorded', step: 'compare', key: 'proof', value: { since: 8, prints: quiet.prints } });
    await expect.poll(() => world.asked.at(-1)?.since, { timeout: 5_000 }).toBe(8);
    await world.rounds(2);
    expect((await world.news()).length).toBe(1);
  });

  test('a failing round is told on the board and tried again; another process’s proof is left alone', async () => {
    let fails = true;
    const world = await opened(async () => {
      if (fails) throw new Error('no connection');
      return undefined;
    });
    await world.append(...begun, done);
    await expect.poll(() => world.look(), { timeout: 5_000 }).toMatchObject({ problem: 'no connection' });
    fails = false;
    await world.rounds(3);
    expect(await world.news()).toEqual([]);
    expect(new Set(world.errors)).toEqual(new Set(['Error: no connection']));
  });
});
