import { afterAll, beforeAll, expect, test } from 'vitest';
import { openNpmWorld } from '../support/npm-postgres.ts';
import { compareBatch } from '../support/validator-batch.ts';
import { openWorld, type ValidatorWorld } from '../support/validator-world.ts';

let world: ValidatorWorld;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());

/** Other tables at every run; a wrong one names its seed. */
async function found(pair: ValidatorWorld, batches: number) {
  const total = { differing: 0, equal: 0, wrong: [] as string[] };
  for (let batch = 0; batch < batches; batch++) {
    const { differing, equal, wrong } = await compareBatch(pair, 400, Date.now() % 1_000_000_007);
    total.differing += differing;
    total.equal += equal;
    total.wrong.push(...wrong);
  }
  return total;
}

test('2,000 random changes between 15 and 17: every one found, none false', async () => {
  const { differing, equal, wrong } = await found(world, 8);
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
      expect((await found(pair, 2)).wrong).toEqual([]);
    } finally {
      await pair.close();
    }
  });
