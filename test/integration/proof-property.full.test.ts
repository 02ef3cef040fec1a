import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Interleaving, interleave } from '../support/proof-interleavings.ts';
import { openMovingWorld } from '../support/validator-moving.ts';
import type { ClusterWorld } from '../support/validator-world.ts';

let world: ClusterWorld;
beforeAll(async () => {
  world = await openMovingWorld();
});
afterAll(() => world?.close());

test('200 lives of a proof, drawn anew at each run: nothing is missed, nothing is false', { timeout: 1_800_000 }, async () => {
  const first = Math.floor(Math.random() * 1_000_000);
  const all: Interleaving[] = [];
  for (let seed = first; seed < first + 200; seed++) all.push(await interleave(world, seed));
  expect(
    all.filter((one) => one.missed.length + one.false.length > 0),
    `seeds from ${first}`,
  ).toEqual([]);
  expect(all.flatMap(({ differing }) => differing).length).toBeGreaterThan(150);
});
