import { writeFile } from 'node:fs/promises';
import { openCast } from './cast.ts';
import { narrate } from './narrator.ts';
import { type Observed, observe } from './observe.ts';
import { type DemoOptions, defaultPort } from './options.ts';
import { openStage } from './stage.ts';
import { tamper } from './tamper.ts';
import type { World } from './world.ts';

/** No run of the demo takes longer without something being wrong. */
const patienceMs = 20 * 60_000;

/** What the bot says of its run, from the report that it put into the channel. */
interface RunReport {
  readonly run: string;
  readonly ended: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly steps: readonly { readonly id: string; readonly status: string; readonly tookMs?: number; readonly evidence: string }[];
}

/** Plays the whole procedure; gives the exit code: 0 only if it finished, nothing was lost and every step is done. */
export async function play(options: DemoOptions): Promise<number> {
  const began = Date.now();
  const stage = await openStage({ ...options, name: 'demo', port: defaultPort, interrupted: 130, print });
  const { world } = stage;
  try {
    print(
      ` [2/3] source up · ${world.deployments.list().reduce((sum, { replicas }) => sum + replicas, 0)} pods, 1 of them a writer that nobody told the bot about`,
    );
    narrate(world.slack, print);
    openCast(world, { requesterTries: options.environment === 'production', onTrouble: (words) => print(` ! ${words}`) });
    if (options.injectDifference) tamper(world, 'staging', print);
    const runs: { readonly report: RunReport; readonly observed: Observed }[] = [];
    for (const { name: environment } of world.environments) {
      const report = await run(world, environment);
      await world.settled(environment);
      runs.push({ report, observed: await observe(world, environment) });
    }
    const good = runs.every(
      ({ report, observed }) =>
        report.ended === 'finished' &&
        observed.lost.length === 0 &&
        observed.doubled === 0 &&
        report.steps.every(({ status }) => status === 'done'),
    );
    for (const { report, observed } of runs) print(summary(report, observed));
    if (options.json !== undefined)
      await writeFile(
        options.json,
        `${JSON.stringify({ ok: good, tookMs: Date.now() - began, options, sandbox: world.info(), runs }, null, 2)}\n`,
      );
    return good ? 0 : 1;
  } finally {
    await stage.close();
  }
}

async function run(world: World, environment: string): Promise<RunReport> {
  const line = `/pgupgrade start ${environment}`;
  print(` ${'operator'.padEnd(15)} │ ${line}`);
  const before = new Set(world.slack.state.files.keys());
  await world.slack.human.command('U0OPERATOR', line);
  const posted = await world.slack.waitFor(
    (message) => message.files.some(({ id, name }) => !before.has(id) && /^PG-\d+.*\.json$/.test(name)),
    patienceMs,
  );
  const file = posted.files.find(({ name }) => name.endsWith('.json'));
  return JSON.parse(world.slack.state.files.get(file?.id ?? '')?.content?.toString() ?? '{}') as RunReport;
}

function summary(report: RunReport, observed: Observed): string {
  const outages = observed.outages.map(({ kind, ms }) => `${kind} ${seconds(ms)}`).join(' + ');
  const left = report.steps.filter(({ status }) => status !== 'done').map(({ id, status }) => `${id} ${status}`);
  const good = report.ended === 'finished' && observed.lost.length === 0 && observed.doubled === 0 && left.length === 0;
  return [
    ` [3/3] ${good ? '✅' : '❌'} ${report.run} ${observed.environment} ${report.ended} after ${seconds(report.endedAt - report.startedAt)}: ${report.steps.length - left.length} of ${report.steps.length} steps done${left.length > 0 ? ` (${left.join(', ')})` : ''}`,
    `       ${observed.acknowledged} acknowledged writes: ${observed.lost.length} lost, ${observed.doubled} doubled · outages that the pods saw: ${outages || 'none'}`,
    `       ${observed.destination.name} is PostgreSQL ${observed.destination.version}; ${observed.partitionsOnDestination} partitions were made there`,
  ].join('\n');
}

function print(line: string): void {
  console.log(line);
}
function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
