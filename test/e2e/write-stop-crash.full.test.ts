import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../sandbox/types.ts';
import type { RunState } from '../../src/engine/state.ts';
import { crashServer, killServer } from '../support/server-deaths.ts';
import { openStage, type Stage } from '../support/stage.ts';
import { writeStops } from '../support/write-stops.ts';

/** Kill -9 of a server inside the write stop, before the promotion is called: the source, the destination, for long or for a moment. */
let stage: Stage;
let run: string;
let source: Cluster;
let destination: Cluster;
let stops: ReturnType<typeof writeStops>;
let promotesRefused = 0;
const deadlineMs = 25_000;
/** Ended after each test, whatever became of it. */
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanUps.splice(0).reverse()) await end();
});

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

/** The fence stands, and the destination cannot get to its end. */
const untilTheDrain = () => stops.heldAt('drain-replication', destination, (end) => cleanUps.push(end));
const down = async (cluster: Cluster) => cleanUps.push(await crashServer(cluster));

test('the source, and it stays away: nobody can give the writes back, which is said, and they come back when it does', async () => {
  await untilTheDrain();
  await down(source);
  await stops.cannotBeGivenBack('source');
  await source.restart();
  await stops.givenBack(/source|deadline passed/, 60_000);
  await stops.nothingIsLost(source);
  // pglogical has failed to connect, and tries again after up to three minutes; a new one does at once.
  await destination.restart();
}, 300_000);

test('the destination, and it stays away: the deadline gives the writes back without it', async () => {
  await untilTheDrain();
  await down(destination);
  await stops.givenBack(/destination|deadline passed/);
  expect(destination.running()).toBe(false);
  await stops.nothingIsLost(source);
}, 300_000);

/*
 * Back at once: pglogical tries again within seconds, and after up to three minutes where it came too early and failed once more.
 * Then it is the deadline that ends it.
 */
test('the source, and it is back at once: the write stop goes on to the call of the promotion', async () => {
  stage.world.google.faults.add({ kind: 'refuse', method: 'migrationJobs.promote' });
  const held = await untilTheDrain();
  killServer(source);
  await held.release();
  const { blocked } = await stage.until(run, (now) => now.blocked !== undefined && now.writesOffSince === undefined, 'its end', 120_000);
  promotesRefused = /permission/i.test(blocked?.reason ?? '') ? 1 : 0;
  stage.world.google.faults.clear();
  await stops.givenBack(/promote-destination failed: .*permission|deadline passed/i);
  await stops.nothingIsLost(source);
  await destination.restart();
}, 300_000);

test('the destination, and it is back at once: the switch goes through, and everything has come along', async () => {
  await untilTheDrain();
  killServer(destination);
  const switched = ({ steps }: RunState) => steps.some(({ id, status }) => id === 'start-services' && status === 'done');
  const first = await stage.until(
    run,
    (now) => switched(now) || (now.blocked !== undefined && now.writesOffSince === undefined),
    'its end',
  );
  if (!switched(first)) {
    await stops.givenBack(/deadline passed/);
    await stops.nothingIsLost(source);
    await destination.restart();
    await stops.cutsOver();
  }
  const state = await stage.until(run, switched, 'the switch', 180_000);
  expect(state.writeStops.at(-1)?.end).toBe('switched');
  const known = stops.writes(destination);
  await expect.poll(() => stops.writes(destination), { timeout: 30_000 }).toBeGreaterThan(known + 50);
  await stops.nothingIsLost(destination);
}, 300_000);
