import { defineConfig } from 'vitest/config';

/** One project a folder of test/. Only `unit` runs without servers; the others start their own. */
const project = (name: string, timeout: number) => ({
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeout,
    hookTimeout: timeout,
    // One world at a time: two cores carry one set of servers.
    fileParallelism: name === 'unit',
  },
});

export default defineConfig({
  test: {
    projects: [
      project('unit', 10_000),
      project('laws', 300_000),
      project('integration', 120_000),
      project('e2e', 420_000),
      project('chaos', 600_000),
    ],
  },
});
