import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareBatch, compareBatches, forgottenTypes } from '../support/validator-batch.ts';
import { isOfParts } from '../support/validator-values.ts';
import { type ClusterWorld, openWorld, turned } from '../support/validator-world.ts';

let world: ClusterWorld;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world?.close());

describe('random tables of all types, equal but for one change each', () => {
  test('every change is found, with its key and its columns, and nothing else, from 15 to 17 and from 17 to 15', async () => {
    // Always the same seeds here: validator-property.full.test.ts draws new ones.
    const { differing, equal, wrong } = await compareBatches([
      { world, size: 225, seed: 1_204 },
      { world: turned(world), size: 75, seed: 1_205 },
    ]);
    expect(wrong).toEqual([]);
    expect(differing).toBeGreaterThanOrEqual(200);
    expect(equal).toBeGreaterThan(20);
  });

  test('what is hashed part by part is told apart: bounds, dimensions, NULLs, no value and a row of NULLs, fields that changed places', async () => {
    const { differing, wrong } = await compareBatch(world, 150, 1_206, isOfParts);
    expect(wrong).toEqual([]);
    expect(differing).toBeGreaterThanOrEqual(100);
  });

  test('no type of either server is left out', async () => {
    expect([await forgottenTypes(world, 'source'), await forgottenTypes(world, 'destination')]).toEqual([[], []]);
  });
});
