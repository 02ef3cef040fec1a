import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import extractDepcruiseOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A file and the one import in it that its rule forbids. */
const forbidden: readonly (readonly [rule: string, file: string, imports: string])[] = [
  ['no-cycles', 'src/engine/a.ts', './b.ts'],
  ['resolvable', 'src/engine/lost.ts', './nowhere.ts'],
  ['engine-imports-only', 'src/engine/c.ts', '../jobs/worker.ts'],
  ['engine-imports-no-package', 'src/engine/d.ts', 'zod'],
  ['config-imports-only', 'src/config/a.ts', '../engine/b.ts'],
  ['postgres-imports-only', 'src/postgres/a.ts', '../gcp/sql.ts'],
  ['gcp-imports-only', 'src/gcp/a.ts', '../postgres/lag.ts'],
  ['workloads-imports-only', 'src/workloads/a.ts', '../postgres/lag.ts'],
  ['validator-imports-only', 'src/validator/a.ts', '../gcp/sql.ts'],
  ['jobs-imports-only', 'src/jobs/a.ts', '../slack/outbox.ts'],
  ['slack-imports-only', 'src/slack/a.ts', '../jobs/worker.ts'],
  ['commands-imports-only', 'src/commands/a.ts', '../postgres/lag.ts'],
  ['steps-imports-only', 'src/steps/phase/a.ts', '../../jobs/worker.ts'],
  ['a-step-never-imports-another-step', 'src/steps/phase/b.ts', './c.ts'],
  ['runbook-imports-only-steps', 'src/runbook.ts', './jobs/worker.ts'],
  ['sandbox-and-src-do-not-meet', 'sandbox/a.ts', '../src/errors.ts'],
  ['src-and-sandbox-do-not-meet', 'src/gcp/b.ts', '../../sandbox/world.ts'],
  ['bench-imports-only-the-validator', 'bench/a.ts', '../src/jobs/worker.ts'],
  ['redis-clients-only-in-jobs-and-the-outbox', 'src/commands/b.ts', 'ioredis'],
  ['nothing-imports-the-composition-roots', 'src/commands/c.ts', '../main.ts'],
];
const there = [
  ...['engine/b', 'jobs/worker', 'gcp/sql', 'postgres/lag', 'slack/outbox', 'steps/phase/c', 'errors', 'main'].map(
    (name) => `src/${name}.ts`,
  ),
  'sandbox/world.ts',
];

let folder: string;
let broken: ICruiseResult['summary']['violations'];
let rules: readonly string[];

describe('each rule of who may import whom', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pgupgrade-imports-'));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    const write = async (file: string, content: string) => {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), content);
    };
    await write('package.json', JSON.stringify({ type: 'module', dependencies: { zod: '*', ioredis: '*' } }));
    for (const file of there) await write(file, 'export const here = 1;\n');
    for (const [, file, imports] of forbidden) await write(file, `import * as other from '${imports}';\nexport const here = other;\n`);
    await write('src/engine/b.ts', "import * as other from './a.ts';\nexport const here = other;\n");
    const { ruleSet, ...options } = await extractDepcruiseOptions(join(root, '.dependency-cruiser.cjs'));
    rules = (ruleSet?.forbidden ?? []).map(({ name }) => name ?? '');
    const { output } = await cruise(['src', 'sandbox', 'bench'], {
      ...options,
      ...(ruleSet ? { ruleSet } : {}),
      validate: true,
      baseDir: folder,
    });
    if (typeof output === 'string') throw new Error(output);
    broken = output.summary.violations;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(forbidden)('%s: %s may not import %s', (rule, file) => {
    const found = broken.filter(({ from }) => from === file).map((one) => one.rule.name);
    expect(
      found.some((name) => name.startsWith(rule)),
      `broken there: ${found.join(', ') || 'nothing'}`,
    ).toBe(true);
  });

  it('is tried by a forbidden import', () => {
    expect(rules.filter((name) => !forbidden.some(([rule]) => name.startsWith(rule)))).toEqual([]);
  });
});
