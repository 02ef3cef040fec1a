import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../sandbox/types.ts';
import type { RunState } from '../../src/engine/state.ts';
import { freeze } from '../support/freeze.ts';
import { ask } from '../support/server-looks.ts';
import { openStage, type Stage } from '../support/stage.ts';

/** One cutover after the other is broken off in its write stop, each by another trouble, until the last one goes through. */
let stage: Stage;
let run: string;
let source: Cluster;
let destination: Cluster;
const deadlineMs = 25_000;

beforeAll(async () => {
  stage = await openStage({
    leaves: (gate) => gate === 'approve-cutover',
    service: (yaml) => yaml.replace('deadline: 120s', `deadline: ${deadlineMs / 1000}s`),
  });
  source = stage.cluster('me-inapp-staging-pg15');
  run = await stage.starts('staging');
  await stage.until(run, ({ gate }) => gate?.gate === 'approve-cutover', 'the question');
  destination = stage.cluster('me-inapp-staging-pg17');
}, 600_000);
afterAll(() => stage?.close());

const writes = (cluster: Cluster) => stage.world.ledger.writes().filter(({ server }) => server === cluster.host).length;

/** The question is asked again where the last try was given back, and approved as soon as it is open. */
async function cutsOver(): Promise<void> {
  const { blocked } = await stage.until(run, () => true, 'now');
  if (blocked) await stage.says('U0OPERATOR', `/pgupgrade retry ${run}`);
  const { gate } = await stage.until(run, (state) => state.gate?.gate === 'approve-cutover', 'the question', 180_000);
  await stage.says('U0APPROVER', `/pgupgrade approve ${run} --question=${gate?.nonce}`);
}
/** The step has begun in the write stop that is open; it may be over by now. */
const begun = (step: string) =>
  stage.until(
    run,
    ({ writesOffSince }, facts) =>
      writesOffSince !== undefined && facts.some((fact) => fact.at >= writesOffSince && fact.type === 'step.started' && fact.step === step),
    `the write stop at ${step}`,
    60_000,
  );

/** The writes are given back with a reason, the promotion was not called, the pods write on the source, and the next try may begin. */
async function givenBack(reason: RegExp): Promise<void> {
  const { blocked, writeStops, promotionCalled } = await stage.until(run, (state) => state.blocked !== undefined, 'the give-back', 120_000);
  expect(blocked?.code).toBe('writes.given-back');
  expect(blocked?.reason).toMatch(reason);
  expect(blocked?.reason).toMatch(/Writes are on\.$/);
  expect(promotionCalled).toBe(false);
  expect(stage.world.google.log.filter(({ path }) => path.endsWith(':promote'))).toHaveLength(promotesRefused);
  const stop = writeStops.at(-1);
  expect((stop?.to ?? 0) - (stop?.from ?? 0)).toBeLessThan(deadlineMs + 15_000);
  const known = writes(source);
  await expect.poll(() => writes(source), { timeout: 30_000 }).toBeGreaterThan(known + 50);
  await stage.world.settled('staging');
}
let promotesRefused = 0;

test('replicas that somebody else puts back every second are named, whenever that begins', async () => {
  const worker = stage.world.deployments.list().find(({ name }) => name === 'inapp-worker');
  if (!worker) throw new Error('there is no inapp-worker');
  // After it was seen at zero, or between two looks: it must not matter when.
  const every = setInterval(() => {
    if (worker.replicas === 0) stage.world.deployments.scale(worker, 1);
  }, 1_000);
  try {
    await cutsOver();
    const { blocked } = await stage.until(run, (state) => state.blocked !== undefined, 'the give-back', 120_000);
    expect(blocked?.reason).toMatch(/inapp-worker/);
  } finally {
    clearInterval(every);
  }
  await givenBack(/inapp-worker.*(asks for 1|1 → 0)/);
}, 240_000);

test('a destination that does not answer any more: the deadline gives the writes back', async () => {
  await cutsOver();
  await begun('fence-source');
  const wake = await freeze(destination);
  try {
    await stage.until(run, (state) => state.blocked !== undefined, 'the give-back', 120_000);
  } finally {
    wake();
  }
  await givenBack(/deadline passed|destination/);
}, 240_000);

test('a source that does not answer any more: the writes are given back as soon as it does', async () => {
  await cutsOver();
  await begun('stop-web');
  const wake = await freeze(source);
  try {
    await stage.until(run, (state) => state.givingBack !== undefined || state.blocked !== undefined, 'the give-back', 120_000);
  } finally {
    wake();
  }
  await stage.until(run, (state) => state.writesOffSince === undefined, 'its end', 120_000);
  await givenBack(/deadline passed|source/);
}, 240_000);

test('a row that differs: the difference is shown, and the next try is clean', async () => {
  const [row] = await ask<{ name: string }>(source, 'inapp', 'select name from public.knex_migrations order by id limit 1');
  await cutsOver();
  await begun('stop-workers');
  await ask(
    destination,
    'inapp',
    `update public.knex_migrations set name = 'somebody else' where id = (select min(id) from public.knex_migrations)`,
  );
  await givenBack(/differ/);
  await ask(destination, 'inapp', 'update public.knex_migrations set name = $1 where id = (select min(id) from public.knex_migrations)', [
    row?.name,
  ]);
}, 240_000);

test('a promotion that Google refuses opens the way to give the writes back', async () => {
  stage.world.google.faults.add({ kind: 'refuse', method: 'migrationJobs.promote' });
  promotesRefused = 1;
  await cutsOver();
  await givenBack(/permission/i);
  expect((await stage.facts(run)).filter(({ type }) => type === 'promotion.called' || type === 'promotion.refused')).toHaveLength(2);
}, 240_000);

test('Redis restarted inside it, the promotion’s answer lost, and the promotion held beyond the deadline: it goes on, and nothing is given back', async () => {
  stage.world.google.faults.add({ kind: 'lose-answer', method: 'migrationJobs.promote' });
  stage.world.google.faults.add({ kind: 'hold', operation: 'promote', ms: deadlineMs + 10_000 });
  await cutsOver();
  await begun('fence-source');
  await stage.world.servers.redis.restart();
  const called: RunState = await stage.until(run, ({ promotionCalled }) => promotionCalled, 'the call', 60_000);
  const state = await stage.until(
    run,
    ({ steps }) => steps.some(({ id, status }) => id === 'start-services' && status === 'done'),
    'the switch',
  );
  const stop = state.writeStops.at(-1);
  expect(stop?.end).toBe('switched');
  expect((stop?.to ?? 0) - (called.writesOffSince ?? 0)).toBeGreaterThan(deadlineMs + 10_000);
  const facts = await stage.facts(run);
  const from = facts.findLastIndex(({ type }) => type === 'promotion.called');
  expect(facts.slice(from).map(({ type }) => type)).not.toContain('give-back.begun');
  expect(stage.world.google.log.filter(({ path, status }) => path.endsWith(':promote') && status === 200)).toHaveLength(1);
  const known = writes(destination);
  await expect.poll(() => writes(destination), { timeout: 30_000 }).toBeGreaterThan(known + 50);
  const { lost, doubled } = await stage.world.watch.count(destination, () => true);
  expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
}, 300_000);
