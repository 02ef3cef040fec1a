import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const big = '**/*.full.test.ts';

/** Whole worlds take minutes and are small files, which vitest would begin last: then one lane stands idle for as long. */
const longestFirst = ['chaos', 'laws', 'e2e', 'integration', 'unit', 'full'];
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ project }: TestSpecification) => longestFirst.indexOf(project.name);
    return [...(await super.sort(files))].sort((a, b) => place(a) - place(b));
  }
}

/** One project a folder of test/, and one for what is too big for every change. Only `unit` runs without servers; the others start their own. */
const project = (name: string, timeout: number, include = `test/${name}/**/*.test.ts`, exclude = [big]) => ({
  test: {
    name,
    include: [include],
    exclude,
    testTimeout: timeout,
    hookTimeout: timeout,
    // A poll ends when it is so; on a busy machine that may take longer than vitest's second.
    expect: { poll: { timeout: 60_000 } },
    // A world mostly waits for one thing after the other: two of them, each in a folder and at addresses of its own, keep two cores busy.
    ...(name === 'unit' ? { sequence: { groupOrder: 1 }, isolate: false } : { maxWorkers: 2 }),
  },
});

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
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
