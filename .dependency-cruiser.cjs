/** Who may import whom, a one-way street. The lower the folder, the less it knows. */
const folder = (from, ...allowed) => ({
  name: `${from}-imports-only-${allowed.length ? allowed.map((a) => a.replace(/\W+/g, '-')).join('-') : 'itself'}`,
  severity: 'error',
  from: { path: `^src/${from}/` },
  to: { path: '^src/', pathNot: [`^src/${from}/`, ...allowed.map((to) => `^src/${to}`)] },
});

/** What any folder may use, but engine and config. */
const common = '(errors|time-limit)\\.ts$';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    folder('engine', 'errors\\.ts$'),
    { name: 'engine-imports-no-package', severity: 'error', from: { path: '^src/engine/' }, to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer'] } },
    folder('config', 'errors\\.ts$'),
    folder('postgres', common, 'config/'),
    folder('gcp', common, 'config/'),
    folder('workloads', common, 'config/'),
    folder('validator', common, 'postgres/'),
    folder('jobs', 'engine/', common),
    folder('slack', 'engine/', common),
    folder('commands', 'engine/', 'slack/', 'config/', common),
    folder('steps', 'engine/step\\.ts$', 'clients\\.ts$', 'postgres/', 'gcp/', 'workloads/', 'validator/', 'config/', common),
    {
      name: 'a-step-never-imports-another-step',
      severity: 'error',
      from: { path: '^src/steps/([^/]+)/([^/]+)\\.ts$' },
      to: { path: '^src/steps/', pathNot: '^src/steps/$1/$2\\.ts$' },
    },
    {
      name: 'runbook-imports-only-steps',
      severity: 'error',
      from: { path: '^src/runbook\\.ts$' },
      to: { path: '^src/', pathNot: ['^src/steps/', '^src/engine/step\\.ts$', '^src/clients\\.ts$'] },
    },
    { name: 'sandbox-and-src-do-not-meet', severity: 'error', from: { path: '^sandbox/' }, to: { path: '^src/' } },
    { name: 'src-and-sandbox-do-not-meet', severity: 'error', from: { path: '^src/' }, to: { path: '^(sandbox|bench|test)/' } },
    { name: 'bench-imports-only-the-validator', severity: 'error', from: { path: '^bench/' }, to: { path: '^src/', pathNot: ['^src/validator/', '^src/postgres/', '^src/errors\\.ts$'] } },
    {
      name: 'redis-clients-only-in-jobs-and-the-outbox',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/jobs/', '^src/slack/outbox', '^src/main\\.ts$', '^src/cli\\.ts$'] },
      to: { path: 'node_modules/(ioredis|bullmq)/' },
    },
    { name: 'nothing-imports-the-composition-roots', severity: 'error', from: { pathNot: '^src/(main|cli)\\.ts$' }, to: { path: '^src/(main|cli)\\.ts$' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'], extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'] },
  },
};
