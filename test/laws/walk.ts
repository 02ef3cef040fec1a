import { it } from 'vitest';
import { fixtures } from './fixtures.ts';
import { lawOf, obey } from './law.ts';
import { legs, type Stage, stepOf } from './stage.ts';

/** Tests that follow each other in one world: those behind one that failed would only fail for its sake, and are skipped. */
export function inOrder() {
  let broken: string | undefined;
  function test(name: string, work: () => Promise<void>): void {
    it(name, async (context) => {
      context.skip(broken !== undefined, `${broken} failed`);
      broken = name;
      await work();
      broken = undefined;
    });
  }
  return {
    test,
    /** Every step of the leg obeys the law of its undo. */
    walk(leg: keyof typeof legs, stage: () => Stage): void {
      for (const id of legs[leg]) {
        const step = stepOf(id);
        const fixture = fixtures[id] ?? {};
        test(`${id} (${lawOf(step, fixture)})`, () => obey(stage(), step, fixture));
      }
    },
  };
}
