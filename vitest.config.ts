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
    // One world at a time: two cores carry one set of servers.
    fileParallelism: name === 'unit',
  },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', 30_000),
      project('laws', 420_000),
      project('integration', 180_000),
      project('e2e', 420_000),
      project('chaos', 600_000),
      project('full', 1_200_000, `test/${big}`, []),
    ],
  },
});
