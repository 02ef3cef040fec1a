import { afterAll, beforeAll, expect, test } from 'vitest';
import { liveRun, openMovingWorld, slotsOf } from '../support/validator-moving.ts';
import type { ClusterWorld } from '../support/validator-world.ts';

let world: ClusterWorld;
beforeAll(async () => {
  world = await openMovingWorld();
});
afterAll(() => world?.close());

test('while pglogical carries 300 changes a second: exactly what was injected, and nothing that only moves', async () => {
  const { found, expected, objects, rate } = await liveRun(world, 0, 300);
  expect(found).toEqual(expected);
  expect(objects).toEqual([]);
  // The writers are held to 300; a machine that is busy otherwise may not get there.
  expect(rate).toBeGreaterThan(30);
});

test('a slot that is named and not there is told: nobody would wait for it', async () => {
  const request = { live: true, sequences: false, parts: 'rows', slots: [...(await slotsOf(world)), 'nobody'] } as const;
  await expect(world.compare(request)).rejects.toThrow('Database inapp of the source has no slot nobody');
});
