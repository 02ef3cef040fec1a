import { expect, it } from 'vitest';
import { typeLines } from '../support/typed-lines.ts';

it('2,000 lines of sense and nonsense: every one is answered, and only a verb that its writer may use changes anything', async () => {
  const { changed, refused, answered } = await typeLines(2_000, 20_261_122);
  expect(changed + refused + answered).toBeGreaterThanOrEqual(2_000);
  // If nothing ever got through, nothing was tried.
  expect(changed).toBeGreaterThan(20);
  expect(refused).toBeGreaterThan(200);
});
