import { benchBot, botUsage } from './bot.ts';
import { benchCutover, cutoverUsage } from './cutover.ts';
import { benchProof, proofUsage } from './proof.ts';
import { benchSlack, slackUsage } from './slack.ts';
import { benchValidator, validatorUsage } from './validator.ts';

interface Benchmark {
  readonly usage: string;
  run(args: readonly string[]): Promise<void>;
}
/** `npm run bench [-- NAME] [options]`: runs one benchmark, or all. */
const benchmarks: Readonly<Record<string, Benchmark>> = {
  validator: { usage: validatorUsage, run: benchValidator },
  proof: { usage: proofUsage, run: benchProof },
  bot: { usage: botUsage, run: benchBot },
  cutover: { usage: cutoverUsage, run: benchCutover },
  slack: { usage: slackUsage, run: benchSlack },
};

const [first, ...others] = process.argv.slice(2);
const named = first !== undefined && !first.startsWith('-');
const options = named ? others : process.argv.slice(2);
if (options.includes('--help') || options.includes('-h'))
  process.stdout.write(
    `npm run bench [-- NAME] [options]: one benchmark, or all\n\n${Object.values(benchmarks)
      .map(({ usage }) => `  ${usage}\n`)
      .join('')}`,
  );
else
  for (const name of named ? [first] : Object.keys(benchmarks)) {
    const benchmark = benchmarks[name];
    if (!benchmark) {
      process.stderr.write(`There is no benchmark "${name}"; there is ${Object.keys(benchmarks).join(', ')}.\n`);
      process.exitCode = 2;
      break;
    }
    await benchmark.run(options);
  }
