import { defineConfig } from 'vitest/config';

const big = '**/*.full.test.ts';

/** One project a folder of test/, and one for what is too big for every change. Only `unit` runs without servers; the others start their own. */
const project = (name: string, timeout: number, include = `test/${name}/**/*.test.ts`, exclude = [big]) => ({
  test: {
    name,
    include: [include],
    exclude,
    testTimeout: timeout,
    hookTimeout: timeout,
    // A world mostly waits for one thing after the other: two of them, each in a folder and at addresses of its own, keep two cores busy.
    ...(name === 'unit' ? { sequence: { groupOrder: 1 }, isolate: false } : { maxWorkers: 2 }),
  },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', 30_000),
      project('laws', 420_000),
      project('integration', 180_000),
      project('e2e', 600_000),
      project('chaos', 1_200_000),
      project('full', 1_200_000, `test/${big}`, []),
    ],
  },
});
