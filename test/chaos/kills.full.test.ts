import { test } from 'vitest';
import { killedRun } from '../support/killed-run.ts';

/** The other half of chaos/kills.test.ts. */
test('a whole run whose worker is killed in every step, in turn before its fact and during its apply, loses, doubles and leaves nothing', async () => {
  await killedRun((index) => (index % 2 === 0 ? 'behind' : 'during'));
});
