import { afterAll, beforeAll, expect, test } from 'vitest';
import { liveRun, openMovingWorld, slotsOf } from '../support/validator-moving.ts';
import type { ClusterWorld } from '../support/validator-world.ts';

let world: ClusterWorld;
beforeAll(async () => {
  world = await openMovingWorld();
});
afterAll(() => world?.close());

test('20 runs under 300 changes a second carried by pglogical: exactly what was injected, none false', async () => {
  const rates: number[] = [];
  const slots = await slotsOf(world);
  for (let run = 0; run < 20; run++) {
    const { found, expected, objects, rate } = await liveRun(world, run, 300, run % 2 === 0 ? {} : { slots });
    expect(found).toEqual(expected);
    expect(objects).toEqual([]);
    rates.push(Math.round(rate));
    expect(rate, `changes a second in run ${run}`).toBeGreaterThanOrEqual(200);
  }
  console.log(`changes a second in each run: ${rates.join(', ')}`);
});
