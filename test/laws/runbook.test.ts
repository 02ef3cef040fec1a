import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fixtures } from './fixtures.ts';
import { lawOf, obey } from './law.ts';
import { onDestination, until } from './outsider.ts';
import { openStage, type Stage, steps } from './stage.ts';

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

describe('the laws of', () => {
  for (const step of steps) {
    const fixture = fixtures[step.id] ?? {};
    it(`${step.id} (${lawOf(step, fixture)})`, async (context) => {
      context.skip(broken !== undefined, `${broken} broke its law`);
      broken = step.id;
      await obey(stage, step, fixture);
      broken = undefined;
    });
  }

  it('the whole: nothing that was acknowledged is lost, nothing is doubled', async (context) => {
    context.skip(broken !== undefined, `${broken} broke its law`);
    const seen = await stage.world.watch.count(onDestination(stage.world), () => true);
    expect(seen.acknowledged).toBeGreaterThan(100);
    expect(seen).toMatchObject({ lost: [], doubled: 0 });
  });
});
