import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../../sandbox/types.ts';
import { defaultTiming } from '../../src/jobs/settings.ts';
import { crashServer } from '../support/server-deaths.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { writeStops } from '../support/write-stops.ts';

/** Right before the deadline one process dies. However late that is, nobody waits for what it held. */
let stage: Stage;
let run: string;
let source: Cluster;
let destination: Cluster;
/** The only one there is, until it is killed. */
let worker: Stage['worker'];
const deadlineMs = 20_000;
const beforeItMs = 100;
/** Ended after each test, whatever became of it. */
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUps.splice(0).reverse()) await end();
});

beforeAll(async () => {
  stage = await openStage({
    leaves: (gate) => gate === 'approve-cutover' || gate === 'approve-rollback',
    service: (yaml) => yaml.replace('deadline: 120s', `deadline: ${deadlineMs / 1000}s`),
  });
  worker = stage.worker;
  source = stage.cluster('me-inapp-staging-pg15');
  run = await stage.starts('staging');
  await stage.until(run, ({ gate }) => gate?.gate === 'approve-cutover', 'the question');
  destination = stage.cluster('me-inapp-staging-pg17');
}, 600_000);
afterAll(() => stage?.close());

/** What is killed when `who` dies. */
async function dies(who: string, behind: Cluster): Promise<void> {
  switch (who) {
    case 'the bot':
      stage.bot.kill('SIGKILL');
      await stage.bot.exited;
      cleanUps.push(stage.startBot);
      break;
    case 'Redis, which is started again':
      await stage.world.servers.redis.restart();
      break;
    case 'the server that lags behind, which stays away':
      cleanUps.push(await crashServer(behind));
      break;
    case 'the worker that carries out the step, with another one there':
      worker.kill('SIGKILL');
      await worker.exited;
      break;
    default:
      throw new Error(`nobody is called ${who}`);
  }
}

async function givenBackAfterTheDeathOf(who: string, stops: ReturnType<typeof writeStops>, drain: string, behind: Cluster): Promise<void> {
  await stops.heldAt(drain, behind, (end) => cleanUps.push(end));
  const other = who.startsWith('the worker') ? await stage.startWorker() : worker;
  const { deadlineAt = 0 } = await stage.until(run, (state) => state.deadlineAt !== undefined, 'the deadline');
  await pause(deadlineAt - beforeItMs - Date.now());
  await dies(who, behind);
  await stops.givenBack(/on the (source|destination)|deadline passed/);
  worker = other;
  const late = ((await stage.until(run, () => true, 'now')).writeStops.at(-1)?.to ?? Infinity) - deadlineAt;
  // Undone latest first: the one before the last says that the doors are open and that everybody but the workers is asked to start.
  const undone = (await stage.facts(run)).filter((fact) => fact.type === 'step.undone' && fact.at >= deadlineAt);
  const parts = undone.map((fact) => `${fact.type === 'step.undone' ? fact.step : ''} ${fact.at - deadlineAt}`);
  console.log(
    `from the deadline until the writes are given back, killed right before it: ${who}: ${late} ms (undone: ${parts.join(', ')})`,
  );
  expect(late).toBeLessThan(defaultTiming.leaseMs / 2);
}

describe('the writes are given back on time, whoever dies at the cutover:', () => {
  test.each([
    'the bot',
    'Redis, which is started again',
    'the server that lags behind, which stays away',
    'the worker that carries out the step, with another one there',
  ])(
    '%s',
    async (who) => {
      const stops = writeStops(stage, { run, home: source, deadlineMs, promoted: () => 0 });
      await givenBackAfterTheDeathOf(who, stops, 'drain-replication', destination);
      await stops.nothingIsLost(source);
    },
    240_000,
  );
});

describe('the writes are given back on time, whoever dies at the rollback:', () => {
  beforeAll(async () => {
    // The subscription may pause for minutes after its server was away.
    await destination.restart();
    await writeStops(stage, { run, home: source, deadlineMs }).cutsOver();
    await stage.ended(run, 'finished');
    await stage.world.settled('staging');
    await stage.says('U0OPERATOR', `/pgupgrade rollback ${run} "queries are slow"`);
  }, 600_000);

  test.each(['the server that lags behind, which stays away', 'the worker that carries out the step, with another one there'])(
    '%s',
    async (who) => {
      const stops = writeStops(stage, { run, home: destination, deadlineMs, promoted: () => 1, gate: 'approve-rollback' });
      await givenBackAfterTheDeathOf(who, stops, 'drain-way-back', source);
      await stops.nothingIsLost(destination);
    },
    240_000,
  );
});
