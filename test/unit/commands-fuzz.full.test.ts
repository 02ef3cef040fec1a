import { expect, it } from 'vitest';
import { typeLines } from '../support/typed-lines.ts';

it.each(Array.from({ length: 20 }, (_, part) => part))(
  '100,000 lines, part %i of 20: none crashes, none that is invalid changes anything',
  async (part) => {
    const { changed, refused, answered } = await typeLines(5_000, 20_261_122 + part);
    expect(refused + answered).toBe(5_000);
    expect(changed).toBeGreaterThan(50);
  },
);
