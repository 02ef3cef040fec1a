import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../sandbox/types.ts';
import { idsOf } from '../../src/engine/shape.ts';
import type { RunState } from '../../src/engine/state.ts';
import { crashServer, killServer } from '../support/server-deaths.ts';
import { ask } from '../support/server-looks.ts';
import { openStage, type Stage, shape } from '../support/stage.ts';
import { writeStops } from '../support/write-stops.ts';

/** One rollback after the other is broken off in its write stop, each by another trouble, until the last one goes through. */
let stage: Stage;
let run: string;
let source: Cluster;
let destination: Cluster;
let stops: ReturnType<typeof writeStops>;
const deadlineMs = 25_000;
/** Ended after each test, whatever became of it. */
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUps.splice(0).reverse()) await end();
});

beforeAll(async () => {
  stage = await openStage({
    leaves: (gate) => gate === 'approve-rollback',
    service: (yaml) => yaml.replace('deadline: 120s', `deadline: ${deadlineMs / 1000}s`),
  });
  source = stage.cluster('me-inapp-staging-pg15');
  run = await stage.starts('staging');
  await stage.ended(run, 'finished');
  await stage.world.settled('staging');
  destination = stage.cluster('me-inapp-staging-pg17');
  stops = writeStops(stage, { run, home: destination, deadlineMs, promoted: () => 1, gate: 'approve-rollback' });
  await stage.says('U0OPERATOR', `/pgupgrade rollback ${run} "queries are slow"`);
}, 900_000);
afterAll(() => stage?.close());

/** The fence stands, and the old instance cannot get to its end. */
const untilTheDrain = () => stops.heldAt('drain-way-back', source, (end) => cleanUps.push(end));
const down = async (cluster: Cluster) => cleanUps.push(await crashServer(cluster));
function worker() {
  const found = stage.world.deployments.list().find(({ name }) => name === 'inapp-worker');
  if (!found) throw new Error('there is no inapp-worker');
  return found;
}
const inLeg = ({ leg }: RunState) => leg.name === 'rollback';

test('a pod that does not end, on a node that is lost, is named while there is time and holds up nobody; what it writes meanwhile is not lost', async () => {
  const [pod = ''] = worker().pods.keys();
  const node = (state: 'lost' | 'found') =>
    fetch(`${stage.world.info().kubernetes}/_nodes/inapp-staging/${pod}`, { method: 'PUT', body: state });
  const writesOfIt = () => stage.world.ledger.writes().filter((write) => write.pod === `inapp-staging/${pod}`);
  const approve = await stops.asked();
  expect((await node('lost')).status).toBe(200);
  cleanUps.push(() => node('found'));
  await approve();
  await stops.begun('stop-services-for-rollback');
  await stops.writesAreBack(new RegExp(`inapp-worker has 1 pods.*\\(${pod}\\)`));
  const stop = (await stage.until(run, inLeg, 'now')).writeStops.at(-1);
  expect(writesOfIt().filter(({ at }) => at > (stop?.from ?? 0) + 1_000 && at < (stop?.to ?? 0)).length).toBeGreaterThan(10);
  await stops.nothingIsLost(destination);
  await node('found');
  await stage.world.settled('staging');
}, 240_000);

test('replicas that somebody else puts back again and again are named, and the old instance is not opened', async () => {
  await stops.whilePutBack('inapp-worker', async () => {
    await stops.cutsOver();
    await stage.until(run, (state) => state.blocked !== undefined, 'the give-back', 120_000);
  });
  await stops.givenBack(/inapp-worker.*(asks for 1|1 → 0)/);
}, 240_000);

test('a row that differs: the difference is shown, and the writes are given back', async () => {
  const changed = (name: string) =>
    ask(source, 'inapp', 'update public.knex_migrations set name = $1 where id = (select min(id) from public.knex_migrations)', [name]);
  const [row] = await ask<{ name: string }>(source, 'inapp', 'select name from public.knex_migrations order by id limit 1');
  const asked = Date.now();
  await stops.cutsOver();
  await stops.begun('stop-services-for-rollback');
  await changed('somebody else');
  await stops.givenBack(/validate-rollback failed: .*public\.knex_migrations/);
  await changed(row?.name ?? '');
  await stage.world.slack.waitFor(
    ({ text, blocks, ts }) => Number(ts) * 1_000 > asked && /knex_migrations/.test(`${text}${JSON.stringify(blocks)}`),
    30_000,
  );
}, 240_000);

test('the old instance dies and stays away: the writes are given back on the new one without it', async () => {
  await untilTheDrain();
  await down(source);
  await stops.givenBack(/on the source|deadline passed/);
  expect(source.running()).toBe(false);
  await stops.nothingIsLost(destination);
}, 240_000);

test('the new instance dies and stays away: nobody can give the writes back, which is said, and they come back when it does', async () => {
  await untilTheDrain();
  await down(destination);
  await stops.cannotBeGivenBack('destination');
  await destination.restart();
  await stops.givenBack(/destination|deadline passed/, 90_000);
  await stops.nothingIsLost(destination);
}, 240_000);

test('the old instance is back at once and Redis restarts: the write stop goes on to the opening, which is not done while somebody has started a service again', async () => {
  const held = await untilTheDrain();
  killServer(source);
  await Promise.all([held.release(), stage.world.servers.redis.restart()]);
  const drained = await stage.until(
    run,
    (now, facts) =>
      (now.blocked !== undefined && now.writesOffSince === undefined) ||
      facts.some(
        (fact) => fact.type === 'step.started' && fact.step === 'synchronize-sequences-back' && fact.at > (now.writesOffSince ?? Infinity),
      ),
    'the sequences',
    120_000,
  );
  // The subscription tries again within seconds; where that is later than the deadline, the deadline ends it.
  if (!drained.blocked) stage.world.deployments.change(worker(), { replicas: 1 });
  await stops.givenBack(drained.blocked ? /deadline passed/ : /open-source failed: .*inapp-worker.*asks for 1/);
  await stops.nothingIsLost(destination);
}, 240_000);

test('the new instance is back at once: the rollback goes through, and everything that was written there has come along', async () => {
  const held = await untilTheDrain();
  killServer(destination);
  await held.release();
  const over = ({ status }: RunState) => status === 'rolled-back';
  const first = await stage.until(run, (now) => over(now) || now.blocked?.code === 'writes.given-back', 'its end');
  if (!over(first)) {
    await stops.givenBack(/deadline passed|destination/);
    await stops.nothingIsLost(destination);
    await stops.cutsOver();
  }
  const state = await stage.until(run, over, 'the rollback', 240_000);
  expect(state.writeStops.at(-1)?.end).toBe('rolled-back');
  expect(idsOf(shape, 'rollback').filter((id) => state.steps.find((step) => step.id === id)?.status !== 'done')).toEqual([]);
  const known = stops.writes(source);
  await expect.poll(() => stops.writes(source), { timeout: 30_000 }).toBeGreaterThan(known + 50);
  await stops.nothingIsLost(source);
}, 400_000);
