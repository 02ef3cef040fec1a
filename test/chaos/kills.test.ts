import { test } from 'vitest';
import { killedRun } from '../support/killed-run.ts';

test('a whole run whose worker is killed in every step, in turn during its apply and before its fact, loses, doubles and leaves nothing', async () => {
  await killedRun((index) => (index % 2 === 0 ? 'during' : 'behind'));
});
