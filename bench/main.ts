import { benchValidator } from './validator.ts';

/** `npm run bench [-- NAME] [options]`: runs one benchmark, or all. */
const benchmarks: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = { validator: benchValidator };

const [first, ...others] = process.argv.slice(2);
const named = first !== undefined && !first.startsWith('--');
const chosen = named ? [first] : Object.keys(benchmarks);
for (const name of chosen) {
  const run = benchmarks[name];
  if (!run) {
    process.stderr.write(`There is no benchmark "${name}"; there is ${Object.keys(benchmarks).join(', ')}.\n`);
    process.exitCode = 2;
    break;
  }
  await run(named ? others : process.argv.slice(2));
}
