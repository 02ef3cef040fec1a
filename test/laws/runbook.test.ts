import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fixtures } from './fixtures.ts';
import { flow, onDestination, until } from './outsider.ts';
import { legs, openStage, type Stage, steps } from './stage.ts';
import { inOrder } from './walk.ts';

/** One world walks the whole runbook under write load; every step obeys the law of its undo. */
let stage: Stage;
const { test, walk } = inOrder();

beforeAll(async () => {
  stage = await openStage('law00001');
});
afterAll(async () => stage?.close());
afterEach(async () => {
  await until('no session of the bot is left open', async () => (await stage.sessions()).length === 0, 5_000).catch(async () =>
    expect(await stage.sessions()).toEqual([]),
  );
});

it('every step has a fixture, and every fixture a step', () => {
  expect(Object.keys(fixtures)).toEqual(steps.map(({ id }) => id));
});

describe('the laws of the upgrade', () => {
  walk('upgrade', () => stage);

  test('the whole: nothing that was acknowledged is lost, nothing is doubled', async () => {
    const seen = await stage.world.watch.count(onDestination(stage.world), () => true);
    expect(seen.acknowledged).toBeGreaterThan(100);
    expect(seen).toMatchObject({ lost: [], doubled: 0 });
  });
});

describe('the laws of the retirement', () => {
  test('begins with the run that has finished', async () => {
    await stage.append({ type: 'run.finished' });
    await stage.append({ type: 'leg.begun', leg: 'retire', by: 'U0OPERATOR', reason: '', steps: legs.retire });
    expect(await stage.state()).toMatchObject({ status: 'running', current: legs.retire[0] });
  });
  walk('retire', () => stage);

  test('the old instance is gone, its last backup said, and the new one serves', async () => {
    expect(stage.world.servers.fleet.list().map(({ name }) => name)).toEqual([onDestination(stage.world).name]);
    await flow('inapp-', onDestination)(stage);
    const seen = await stage.world.watch.count(onDestination(stage.world), () => true);
    expect(seen).toMatchObject({ lost: [], doubled: 0 });
  });
});
