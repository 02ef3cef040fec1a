// The main job, hands-free. The first line comes before anything heavy is loaded.
import { parseArgs } from 'node:util';
import { banner, orUsage } from './banner.ts';
import { demoFlags, demoOptions } from './options.ts';

const usage = `npm run demo [-- --environment production] [--scale N] [--google-latency MS] [--inject-difference] [--rollback] [--json FILE]

  --environment production  a staging run first, then production with two approvers
  --scale N                 10 is about 200 MB (default)
  --google-latency MS       what every operation of the cloud takes longer
  --inject-difference       changes a row on the new server before the cutover: the validation must find it and give the writes back
  --rollback                after the upgrade the service writes on the new server and goes back: nothing of both moves may be lost
  --json FILE               writes the report`;

const parsed = orUsage(usage, () => demoOptions(parseArgs({ options: demoFlags, strict: true }).values));
if (parsed.help) {
  console.log(usage);
  process.exit(0);
}
console.log(banner('demo'));
const { play } = await import('./play.ts');
process.exit(await play(parsed));
