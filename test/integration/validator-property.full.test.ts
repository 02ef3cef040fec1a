import { afterAll, beforeAll, expect, test } from 'vitest';
import { openNpmWorld } from '../support/npm-postgres.ts';
import { compareBatches } from '../support/validator-batch.ts';
import { type ClusterWorld, openWorld, turned, type ValidatorWorld } from '../support/validator-world.ts';

let world: ClusterWorld;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());

/** A batch in each of the worlds; other tables at every run, and a wrong one names its seed. */
const found = (worlds: readonly ValidatorWorld[]) =>
  compareBatches(worlds.map((each, batch) => ({ world: each, size: 400, seed: (Date.now() + batch) % 1_000_000_007 })));

test('2,000 random changes between 15 and 17, a fourth of them between 17 and 15: every one found, none false', async () => {
  const back = turned(world);
  const { differing, equal, wrong } = await found([world, world, world, back, world, world, world, back]);
  expect(wrong).toEqual([]);
  expect(differing).toBeGreaterThanOrEqual(2_000);
  expect(equal).toBeGreaterThan(100);
});

for (const [from, to] of [
  [13, 18],
  [14, 18],
  [16, 18],
] as const)
  test(`random changes between ${from} and ${to}`, async (context) => {
    const pair = await openNpmWorld(from, to);
    if (typeof pair === 'string') return context.skip(pair);
    try {
      expect((await found([pair, pair])).wrong).toEqual([]);
    } finally {
      await pair.close();
    }
  });
