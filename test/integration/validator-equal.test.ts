import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { seed } from '../support/validator-seed.ts';
import { openWorld, type ValidatorWorld } from '../support/validator-world.ts';

let world: ValidatorWorld;
beforeAll(async () => {
  world = await openWorld();
  await world.rebuild(seed());
});
afterAll(() => world?.close());
afterEach(async () => {
  expect(await world.sessions('source')).toBe(0);
  expect(await world.sessions('destination')).toBe(0);
});

describe('two databases with the same content, 15 and 17', () => {
  test('are equal although oids, heap order and catalogues differ', async () => {
    const verdict = await world.compare();
    expect(verdict.objects).toEqual([]);
    expect(verdict.tables.filter((table) => !table.equal)).toEqual([]);
    expect(verdict.equal).toBe(true);
    expect(verdict.tables.map((table) => table.table)).toEqual(
      expect.arrayContaining(['public.campaign', 'audience_data.member_1', '"Odd ""Schema"."Odd.Table"', 'public.nothing', 'public.child']),
    );
  });
});
