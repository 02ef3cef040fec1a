import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../sandbox/types.ts';
import type { RunState } from '../../src/engine/state.ts';
import { emergencyExit } from '../support/emergency-exit.ts';
import { freeze } from '../support/freeze.ts';
import { ask, constraintDefinition } from '../support/server-looks.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { writeStops } from '../support/write-stops.ts';

/** One cutover after the other is broken off in its write stop, each by another trouble, until the last one goes through. */
let stage: Stage;
let run: string;
let source: Cluster;
let destination: Cluster;
const deadlineMs = 25_000;

beforeAll(async () => {
  stage = await openStage({
    // What follows the switch restarts the destination, while its rows are counted.
    leaves: (gate) => gate === 'approve-cutover' || gate === 'configure-backups',
    service: (yaml) => yaml.replace('deadline: 120s', `deadline: ${deadlineMs / 1000}s`),
  });
  source = stage.cluster('me-inapp-staging-pg15');
  run = await stage.starts('staging');
  await stage.until(run, ({ gate }) => gate?.gate === 'approve-cutover', 'the question');
  destination = stage.cluster('me-inapp-staging-pg17');
  stops = writeStops(stage, { run, home: source, deadlineMs, promoted: () => promotesRefused });
}, 600_000);
afterAll(() => stage?.close());

let promotesRefused = 0;
let stops: ReturnType<typeof writeStops>;
const cutsOver = () => stops.cutsOver();
const begun = (step: string) => stops.begun(step);
const givenBack = (reason: RegExp) => stops.givenBack(reason);

test('a pod that does not end, on a node that is lost, is named while there is time, and what it writes meanwhile is not lost', async () => {
  const worker = stage.world.deployments.list().find(({ name }) => name === 'inapp-worker');
  const [pod = ''] = worker?.pods.keys() ?? [];
  const node = (state: 'lost' | 'found') =>
    fetch(`${stage.world.info().kubernetes}/_nodes/inapp-staging/${pod}`, { method: 'PUT', body: state });
  const writesOfIt = () => stage.world.ledger.writes().filter((write) => write.pod === `inapp-staging/${pod}`);
  expect((await node('lost')).status).toBe(200);
  await cutsOver();
  await begun('stop-workers');
  await stops.writesAreBack(new RegExp(`inapp-worker has 1 pods.*\\(${pod}\\)`));
  const [stop] = (await stage.until(run, () => true, 'now')).writeStops;
  expect((stop?.to ?? 0) - (stop?.from ?? 0)).toBeLessThan(deadlineMs);
  expect(writesOfIt().filter(({ at }) => at > (stop?.from ?? 0) + 1_000 && at < (stop?.to ?? 0)).length).toBeGreaterThan(10);
  await stops.nothingIsLost(source);
  // Gone, it is in nobody's way: the next tries get beyond it.
  await node('found');
  await stage.world.settled('staging');
}, 240_000);

test('replicas that somebody else puts back again and again are named, whenever that begins', async () => {
  await stops.whilePutBack('inapp-worker', async () => {
    await cutsOver();
    const { blocked } = await stage.until(run, (state) => state.blocked !== undefined, 'the give-back', 120_000);
    expect(blocked?.reason).toMatch(/inapp-worker/);
  });
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
  // What Google says of the job counts: the instance is not promoted yet.
  await expect.poll(() => stage.world.google.log.filter(({ path, status }) => path.endsWith(':promote') && status === 200).length).toBe(1);
  await expect(emergencyExit(stage.world, 'staging')).rejects.toMatchObject({ stderr: expect.stringContaining('promotion.called') });
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
  const known = stops.writes(destination);
  await expect.poll(() => stops.writes(destination), { timeout: 30_000 }).toBeGreaterThan(known + 50);
  await stops.nothingIsLost(destination);
}, 300_000);

test('rows that came to violate a constraint are shown when it is to come back, and the run goes on once they are put right', async () => {
  const both = `insert into public.campaign (customer_id, application_code, priority, name) select 987654, 'TWICE-1', 1, 'twice' from generate_series(1, 2) returning id`;
  const rows = await ask<{ id: string }>(destination, 'inapp', both);
  expect(rows).toHaveLength(2);
  const { gate } = await stage.until(run, (state) => state.gate?.gate === 'configure-backups', 'the question', 120_000);
  await stage.says('U0APPROVER', `/pgupgrade approve ${run} --question=${gate?.nonce}`);
  const { blocked } = await stage.until(run, (state) => state.blocked !== undefined, 'the violation', 120_000);
  expect(blocked).toMatchObject({ step: 'restore-constraints', code: 'postgres.duplicate-rows' });
  const told = (await stage.facts(run)).findLast(({ type }) => type === 'step.blocked');
  for (const { id } of rows) expect(JSON.stringify(told)).toContain(`"${id}"`);
  expect(await constraintDefinition(destination, 'campaign_priority')).toBeUndefined();
  await ask(destination, 'inapp', 'delete from public.campaign where customer_id = 987654');
  await stage.says('U0OPERATOR', `/pgupgrade retry ${run}`);
  await stage.ended(run, 'finished');
  expect(await constraintDefinition(destination, 'campaign_priority')).toMatch(
    /UNIQUE \(customer_id, application_code, priority\) DEFERRABLE/,
  );
}, 300_000);
