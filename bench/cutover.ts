import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openCast } from '../sandbox/cast.ts';
import { prepareToGoBack } from '../sandbox/go-back.ts';
import { type Observed, observe } from '../sandbox/observe.ts';
import { type RunReport, run, say } from '../sandbox/play.ts';
import { openWorld, type World } from '../sandbox/world.ts';
import { type CutoverRound, cutoverTable } from './cutover-table.ts';
import { holdTransaction } from './long-transaction.ts';

export const cutoverUsage =
  'cutover     [--rounds 5] [--scale 10] [--writes 500] [--rollback] [--json FILE]   (--scale 10: 200 MB, 100: 2 GB; --rollback: each goes back, too)';

/** The pods of the service that write; a hidden one beside them writes ten times a second. */
const writers = 4;
/** What one act of a pod takes besides its pause, in ms. */
const actMs = 3;

const noPeer =
  'pg_easy_replicate is not in the same run: it is a Ruby gem and in no package of Debian (nor are ougai and pg_query, which it needs), ' +
  'and this sandbox installs from Debian alone. What it does on the same kind of servers: two roles write, one is stopped, the other writes through.';

/**
 * Whole upgrades in the sandbox under load, each with servers of its own; the outage is what the pods saw (the last write
 * acknowledged by the old server to the first one by the new), told by cause. In the second round a transaction that
 * nobody ends is open when the write stop begins.
 */
export async function benchCutover(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      scale: { type: 'string', default: '10' },
      writes: { type: 'string', default: '500' },
      rollback: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const [rounds, scale, writes] = [Number(values.rounds), Number(values.scale), Number(values.writes)];
  const measured: CutoverRound[] = [];
  const back: CutoverRound[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const pauseMs = Math.max(1, Math.round((writers * 1_000) / writes) - actMs);
    const { one, rollback } = await cutover(round, { scale, pauseMs, long: round === 2, rollback: values.rollback });
    measured.push(one);
    if (rollback) back.push(rollback);
    process.stdout.write(
      `round ${round}: ${one.outageMs} ms, ${one.lost} lost, ${one.doubled} doubled${one.long ? ', a long transaction open' : ''}\n`,
    );
  }
  process.stdout.write(`${cutoverTable(measured)}\n${noPeer}\n`);
  if (back.length > 0) process.stdout.write(`and back, with what was written on the new server:\n${cutoverTable(back)}\n`);
  if (values.json !== undefined)
    await writeFile(values.json, JSON.stringify({ benchmark: 'cutover', scale, cores: cpus().length, measured, back }, null, 1));
  if ([...measured, ...back].some(({ lost, doubled }) => lost > 0 || doubled > 0)) process.exitCode = 1;
}

async function cutover(
  round: number,
  options: { readonly scale: number; readonly pauseMs: number; readonly long: boolean; readonly rollback: boolean },
): Promise<{ readonly one: CutoverRound; readonly rollback: CutoverRound | undefined }> {
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-bench-'));
  const world = await openWorld({ workDir, environments: ['staging'], scale: options.scale, pauseMs: options.pauseMs });
  try {
    await Promise.all([world.start('worker'), world.start('bot')]);
    await world.slack.waitForSockets(1, 30_000);
    openCast(world, { requesterTries: false, onTrouble: (words) => process.stderr.write(`${words}\n`) });
    const transaction = options.long ? holdTransaction(world) : undefined;
    const goBack = options.rollback ? await prepareToGoBack(world, 'staging') : undefined;
    const report = await run(world, 'staging');
    await world.settled('staging');
    await transaction?.();
    const observed = await observe(world, 'staging', report.outages);
    if (report.ended !== 'finished') throw new Error(`round ${round} ended as ${report.ended}: ${JSON.stringify(report.troubles)}`);
    const one = roundOf(world, round, observed, {
      kind: 'cutover',
      from: world.source('staging')?.host,
      long: options.long,
      validation: evidence(report, 'validate'),
    });
    const from = world.servers.fleet.list().findLast(({ name }) => name.startsWith('me-inapp-staging-'))?.host;
    let validation = '';
    const wentBack = await goBack?.(async (line) => {
      const back = await say(world, line);
      validation = evidence(back, 'validate-rollback');
      return back;
    });
    return { one, rollback: wentBack && roundOf(world, round, wentBack.observed, { kind: 'rollback', from, long: false, validation }) };
  } finally {
    await world.close();
    await rm(workDir, { recursive: true, force: true });
  }
}

function evidence({ steps }: RunReport, step: string): string {
  return steps.find(({ id }) => id === step)?.evidence ?? '';
}

/** `from`: the host that was left. */
function roundOf(
  world: World,
  round: number,
  observed: Observed,
  {
    kind,
    from = '',
    long,
    validation,
  }: {
    readonly kind: 'cutover' | 'rollback';
    readonly from: string | undefined;
    readonly long: boolean;
    readonly validation: string;
  },
): CutoverRound {
  const outage = observed.outages.find((one) => one.kind === kind);
  if (!outage) throw new Error(`round ${round}: no pod saw the ${kind}`);
  return {
    round,
    long,
    outageMs: outage.ms,
    parts: outage.parts,
    validation,
    writesPerSecond: world.ledger.rate(from, 3_000, Date.parse(outage.from)),
    acknowledged: observed.acknowledged,
    lost: observed.lost.length,
    doubled: observed.doubled,
    p99Ms: observed.latency.p99Ms,
    load: loadavg()[0] ?? 0,
  };
}
