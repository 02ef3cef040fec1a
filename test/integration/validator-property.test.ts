import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareBatch, forgottenTypes } from '../support/validator-batch.ts';
import { openWorld, type ValidatorWorld } from '../support/validator-world.ts';

let world: ValidatorWorld;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());

describe('random tables of all types, equal but for one change each', () => {
  test('every change is found, with its key and its columns, and nothing else', async () => {
    // Always the same seed here: validator-property.full.test.ts draws new ones.
    const { differing, equal, wrong } = await compareBatch(world, 300, 1_204);
    expect(wrong).toEqual([]);
    expect(differing).toBeGreaterThanOrEqual(200);
    expect(equal).toBeGreaterThan(20);
  });

  test('no type of either server is left out', async () => {
    expect([await forgottenTypes(world, 'source'), await forgottenTypes(world, 'destination')]).toEqual([[], []]);
  });
});
