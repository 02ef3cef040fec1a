import { afterAll, beforeAll, expect, test } from 'vitest';
import { interleave } from '../support/proof-interleavings.ts';
import { openMovingWorld } from '../support/validator-moving.ts';
import type { ClusterWorld } from '../support/validator-world.ts';

let world: ClusterWorld;
beforeAll(async () => {
  world = await openMovingWorld();
});
afterAll(() => world?.close());

test('whoever makes a difference and whenever: it is found, and nothing else is said to differ', async () => {
  const all = [];
  for (let seed = 1; seed <= 12; seed++) all.push(await interleave(world, seed));
  expect(all.filter((one) => one.missed.length + one.false.length > 0)).toEqual([]);
  expect(all.flatMap(({ differing }) => differing).length).toBeGreaterThan(8);
});
