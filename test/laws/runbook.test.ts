import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fixtures } from './fixtures.ts';
import { lawOf, obey } from './law.ts';
import { flow, onDestination, until } from './outsider.ts';
import { legs, openStage, type Stage, stepOf, steps } from './stage.ts';

/** One world walks the whole runbook under write load; every step obeys the law of its undo. */
let stage: Stage;
/** The step that broke its law: those behind it would only break for its sake. */
let broken: string | undefined;

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

function walk(leg: keyof typeof legs): void {
  for (const id of legs[leg]) {
    const step = stepOf(id);
    const fixture = fixtures[id] ?? {};
    it(`${id} (${lawOf(step, fixture)})`, async (context) => {
      context.skip(broken !== undefined, `${broken} broke its law`);
      broken = id;
      await obey(stage, step, fixture);
      broken = undefined;
    });
  }
}

describe('the laws of the upgrade', () => {
  walk('upgrade');

  it('the whole: nothing that was acknowledged is lost, nothing is doubled', async (context) => {
    context.skip(broken !== undefined, `${broken} broke its law`);
    const seen = await stage.world.watch.count(onDestination(stage.world), () => true);
    expect(seen.acknowledged).toBeGreaterThan(100);
    expect(seen).toMatchObject({ lost: [], doubled: 0 });
  });
});

describe('the laws of the retirement', () => {
  it('begins with the run that has finished', async (context) => {
    context.skip(broken !== undefined, `${broken} broke its law`);
    await stage.append({ type: 'run.finished' });
    await stage.append({ type: 'leg.begun', leg: 'retire', by: 'U0OPERATOR', reason: '', steps: legs.retire });
    expect(await stage.state()).toMatchObject({ status: 'running', current: legs.retire[0] });
  });
  walk('retire');

  it('the old instance is gone, its last backup said, and the new one serves', async (context) => {
    context.skip(broken !== undefined, `${broken} broke its law`);
    expect(stage.world.servers.fleet.list().map(({ name }) => name)).toEqual([onDestination(stage.world).name]);
    await flow('inapp-', onDestination)(stage);
    const seen = await stage.world.watch.count(onDestination(stage.world), () => true);
    expect(seen).toMatchObject({ lost: [], doubled: 0 });
  });
});
