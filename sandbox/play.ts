import { writeFile } from 'node:fs/promises';
import { openCast } from './cast.ts';
import { watchFigures } from './figures.ts';
import { isGood, prepareToGoBack, type WentBack } from './go-back.ts';
import { isCaught, whatCameOfIt } from './injected.ts';
import { narrate } from './narrator.ts';
import { type Observed, observe, type SpentOn } from './observe.ts';
import { type DemoOptions, defaultPort } from './options.ts';
import { openStage } from './stage.ts';
import { tamper } from './tamper.ts';
import type { World } from './world.ts';

/** No run of the demo takes longer without something being wrong. */
const patienceMs = 20 * 60_000;

/** What the bot says of its run, from the report that it put into the channel. */
export interface RunReport {
  readonly run: string;
  readonly ended: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outages: readonly ({ readonly from: number; readonly to: number; readonly end: string } & SpentOn)[];
  readonly comparisons: readonly {
    readonly step: string;
    readonly equal: boolean;
    readonly tables: number;
    readonly rows: number;
    readonly bytes: number;
    readonly tookMs: number;
    readonly rowsPerSecond: number;
    readonly connections: number;
  }[];
  readonly troubles: readonly { readonly step: string; readonly code: string; readonly reason: string }[];
  readonly steps: readonly { readonly id: string; readonly status: string; readonly tookMs?: number; readonly evidence: string }[];
}

/**
 * Plays the whole procedure; gives the exit code: 0 only if it finished, nothing was lost and every step is done; and, where a
 * difference was injected, if it stopped the cutover, the writes were given back and the channel showed the row; and, where it went back, if that lost nothing either.
 */
export async function play(options: DemoOptions): Promise<number> {
  const began = Date.now();
  const stage = await openStage({ ...options, name: 'demo', port: defaultPort, interrupted: 130, print });
  const { world } = stage;
  try {
    print(
      ` [2/3] source up · ${world.deployments.list().reduce((sum, { replicas }) => sum + replicas, 0)} pods, 1 of them a writer that nobody told the bot about`,
    );
    const figures = await watchFigures(world, began);
    narrate(world.slack, print);
    openCast(world, { requesterTries: options.environment === 'production', onTrouble: (words) => print(` ! ${words}`) });
    const injected = options.injectDifference ? tamper(world, 'staging', print) : undefined;
    const { environment: last } = options;
    const goBack = options.rollback ? await prepareToGoBack(world, last) : undefined;
    const runs: { readonly report: RunReport; readonly observed: Observed }[] = [];
    for (const { name: environment } of world.environments) {
      const report = await run(world, environment);
      await world.settled(environment);
      runs.push({ report, observed: await observe(world, environment, report.outages) });
    }
    const good = runs.every(
      ({ report, observed }) =>
        report.ended === 'finished' &&
        observed.lost.length === 0 &&
        observed.doubled === 0 &&
        report.steps.every(({ status }) => status === 'done'),
    );
    for (const { report, observed } of runs) print(summary(report, observed));
    const wentBack = await goBack?.((line) => say(world, line));
    if (wentBack) print(backAgain(wentBack));
    const difference = injected?.();
    const caught = injected === undefined || isCaught(difference, runs[0]?.report);
    const ok = good && caught && (wentBack === undefined || isGood(wentBack));
    if (injected) print(`       ${whatCameOfIt(difference, runs[0]?.report)}`);
    if (options.json !== undefined)
      await writeFile(
        options.json,
        `${JSON.stringify({ ok, tookMs: Date.now() - began, figures: figures(), options, ...(difference ? { injected: difference } : {}), ...(wentBack ? { rollback: wentBack } : {}), sandbox: world.info(), runs }, null, 2)}\n`,
      );
    return ok ? 0 : 1;
  } finally {
    await stage.close();
  }
}

/** Starts a run as the operator does and waits for the report that the bot puts into the channel. */
export function run(world: World, environment: string): Promise<RunReport> {
  return say(world, `/pgupgrade start ${environment}`);
}

/** The operator types the line; gives the report with which the run, or its rollback, ends. */
export async function say(world: World, line: string): Promise<RunReport> {
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
  const parts = observed.outages.flatMap(({ parts }) => parts.map(({ cause, ms }) => `${cause} ${ms} ms`)).join(' · ');
  const left = report.steps.filter(({ status }) => status !== 'done').map(({ id, status }) => `${id} ${status}`);
  const good = report.ended === 'finished' && observed.lost.length === 0 && observed.doubled === 0 && left.length === 0;
  return [
    ` [3/3] ${good ? '✅' : '❌'} ${report.run} ${observed.environment} ${report.ended} after ${seconds(report.endedAt - report.startedAt)}: ${report.steps.length - left.length} of ${report.steps.length} steps done${left.length > 0 ? ` (${left.join(', ')})` : ''}`,
    `       ${observed.acknowledged} acknowledged writes: ${observed.lost.length} lost, ${observed.doubled} doubled · outages that the pods saw: ${outages || 'none'}`,
    ...(parts === '' ? [] : [`       the cutover's, by cause: ${parts}`]),
    `       ${observed.latency.acknowledged} acknowledgements outside outages: p99 ${observed.latency.p99Ms} ms`,
    `       ${observed.destination.name} is PostgreSQL ${observed.destination.version}; ${observed.partitionsOnDestination} partitions were made there`,
    ...report.comparisons.map(
      (one) =>
        `       ${one.step}: ${one.equal ? 'equal' : 'DIFFERENT'}, ${one.tables} tables, ${one.rows.toLocaleString('en-US')} rows, ${(one.bytes / 1e6).toFixed(0)} MB in ${seconds(one.tookMs)} (${one.rowsPerSecond.toLocaleString('en-US')} rows/s, ${one.connections} connections a side)`,
    ),
  ].join('\n');
}

function backAgain(back: WentBack): string {
  const { observed, writtenOnNew, schemaDiffers } = back;
  const moves = observed.outages.filter(({ kind }) => kind === 'cutover' || kind === 'rollback');
  return [
    `       ${isGood(back) ? '✅' : '❌'} ${back.run} ${back.ended} after ${seconds(back.tookMs)}, with the ${writtenOnNew} writes that the new server had acknowledged`,
    `       both moves: ${observed.acknowledged} acknowledged writes, ${observed.lost.length} lost, ${observed.doubled} doubled · outages that the pods saw: ${moves.map(({ kind, ms }) => `${kind} ${seconds(ms)}`).join(' + ') || 'none'}`,
    `       schema of ${observed.destination.name}: ${schemaDiffers.length === 0 ? 'as before the upgrade' : `differs: ${schemaDiffers.join(' · ')}`}`,
  ].join('\n');
}

function print(line: string): void {
  console.log(line);
}
function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
