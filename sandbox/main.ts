// The sandbox for a person: the page, or the words of a terminal to a sandbox that runs.
import { parseArgs } from 'node:util';
import { banner, orUsage } from './banner.ts';
import { sandboxFlags, sandboxOptions } from './options.ts';

const usage = `npm run sandbox [-- --environment production] [--scale N] [--google-latency MS] [--port N]

  --environment production  both environments: staging must be upgraded first
  --scale N                 10 is about 200 MB (default)
  --google-latency MS       what every operation of the cloud takes longer
  --port N                  of the page (4390); the stand-ins of Google and Kubernetes take the next two

To the one that runs, from another terminal:
npm run sandbox -- say operator "/pgupgrade start staging"
npm run sandbox -- say|click|submit|close|tail …   (npm run sandbox -- click: how)
npm run sandbox -- flag NAME [on|off]              a feature flag of the service`;

const [verb, ...words] = process.argv.slice(2);
if (verb !== undefined && !verb.startsWith('-')) {
  const { talk } = await import('./talk.ts');
  const code = await talk(verb, words, usage);
  process.exit(code);
}
const options = orUsage(usage, () => sandboxOptions(parseArgs({ options: sandboxFlags, strict: true }).values));
if (options.help) {
  console.log(usage);
  process.exit(0);
}
console.log(banner('sandbox'));
const { host } = await import('./host.ts');
await host(options);
