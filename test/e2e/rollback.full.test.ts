import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../../sandbox/types.ts';
import { fold } from '../../src/engine/fold.ts';
import type { RunState } from '../../src/engine/state.ts';
import { ask, constraintDefinition, sequences } from '../support/server-looks.ts';
import { type Picture, pictureOf } from '../support/source-picture.ts';
import { openStage, type Stage, shape } from '../support/stage.ts';

/** An upgrade is finished, the service writes on the new instance, and goes back under load with everything that it wrote there. */
let stage: Stage;
let before: Picture;
let source: Cluster;
let run: string;
let constraintBefore: string | undefined;

beforeAll(async () => {
  stage = await openStage();
  source = stage.cluster('me-inapp-staging-pg15');
  constraintBefore = await constraintDefinition(source, 'campaign_priority');
  before = await pictureOf(stage.world, 'staging');
  run = await stage.starts('staging');
  await stage.ended(run, 'finished');
  await stage.world.settled('staging');
}, 900_000);
afterAll(() => stage?.close());

/** The people take back by hand what they did by hand: the run stops there for a moment, and goes on when they press Retry. */
async function rolledBack(): Promise<RunState> {
  const look = async () => fold(await stage.facts(run), shape);
  await expect.poll(async () => (await look()).status, { timeout: 240_000, interval: 250 }).toBe('rolled-back');
  return look();
}

const newWrites = (host: string) => stage.world.ledger.writes().filter(({ server }) => server === host).length;

test('a finished run says until when its way back is armed, and is rolled back with everything that was written on the new instance', async () => {
  const destination = stage.cluster('me-inapp-staging-pg17');
  const known = newWrites(destination.host);
  await expect.poll(() => newWrites(destination.host), { timeout: 30_000 }).toBeGreaterThan(known + 100);
  // What native replication is said to stumble over: a sequence, an array of a composite type, TRUNCATE.
  await ask(destination, 'inapp', `update public.campaign set payload = payload || '{"rolled": true}' where id % 7 = 0 returning id`);
  const handedOut = await sequences(destination);
  await stage.says('U0OPERATOR', `/pgupgrade rollback ${run} "queries are slow"`);
  const state = await rolledBack();
  expect(state.writeStops.map(({ end }) => end)).toEqual(['switched', 'rolled-back']);
  await stage.world.settled('staging');
  const { lost, doubled, acknowledged } = await stage.world.watch.count(source, () => true);
  expect(acknowledged).toBeGreaterThan(500);
  expect({ lost, doubled }).toEqual({ lost: [], doubled: 0 });
  const [marked] = await ask<{ count: number }>(
    source,
    'inapp',
    `select count(*)::int as count from public.campaign where payload ? 'rolled'`,
  );
  expect(marked?.count).toBeGreaterThan(0);
  const now = await sequences(source);
  const behind = [...handedOut].filter(([name, { last }]) => last !== null && (now.get(name)?.next ?? 0n) <= last);
  expect(behind).toEqual([]);
}, 300_000);

test('the source is what it was before the upgrade, and the service writes there', async () => {
  const after = await pictureOf(stage.world, 'staging');
  // Partitions that the service made meanwhile belong to it.
  const { schema: _schemaBefore, ...restBefore } = before;
  const { schema: _schemaAfter, ...restAfter } = after;
  expect(restAfter).toEqual(restBefore);
  expect(await constraintDefinition(source, 'campaign_priority')).toBe(constraintBefore);
  const since = Date.now();
  await expect
    .poll(() => stage.world.ledger.writes().filter(({ at, server }) => at > since && server === source.host).length, { timeout: 20_000 })
    .toBeGreaterThan(20);
});

test('the environment is free for the next attempt, and a second rollback is refused', async () => {
  expect((await stage.log.runs()).find((one) => one.run === run)?.active).toBe(false);
  expect(await stage.says('U0OPERATOR', `/pgupgrade rollback ${run} "again"`)).toContain('rollback.under-way');
});
