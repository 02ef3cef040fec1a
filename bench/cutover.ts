import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openCast } from '../sandbox/cast.ts';
import { observe } from '../sandbox/observe.ts';
import { run } from '../sandbox/play.ts';
import { openWorld } from '../sandbox/world.ts';
import { type CutoverRound, cutoverTable } from './cutover-table.ts';
import { holdTransaction } from './long-transaction.ts';

export const cutoverUsage = 'cutover [--rounds 5] [--scale 10] [--writes 500] [--json FILE]   (--scale 10: 200 MB, 100: 2 GB)';

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
      json: { type: 'string' },
    },
  });
  const [rounds, scale, writes] = [Number(values.rounds), Number(values.scale), Number(values.writes)];
  const measured: CutoverRound[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const one = await cutover(round, { scale, pauseMs: Math.max(1, Math.round((writers * 1_000) / writes) - actMs), long: round === 2 });
    measured.push(one);
    process.stdout.write(
      `round ${round}: ${one.outageMs} ms, ${one.lost} lost, ${one.doubled} doubled${one.long ? ', a long transaction open' : ''}\n`,
    );
  }
  process.stdout.write(`${cutoverTable(measured)}\n${noPeer}\n`);
  if (values.json !== undefined)
    await writeFile(values.json, JSON.stringify({ benchmark: 'cutover', scale, cores: cpus().length, measured }, null, 1));
  if (measured.some(({ lost, doubled }) => lost > 0 || doubled > 0)) process.exitCode = 1;
}

async function cutover(
  round: number,
  options: { readonly scale: number; readonly pauseMs: number; readonly long: boolean },
): Promise<CutoverRound> {
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-bench-'));
  const world = await openWorld({ workDir, environments: ['staging'], scale: options.scale, pauseMs: options.pauseMs });
  try {
    await Promise.all([world.start('worker'), world.start('bot')]);
    await world.slack.waitForSockets(1, 30_000);
    openCast(world, { requesterTries: false, onTrouble: (words) => process.stderr.write(`${words}\n`) });
    const transaction = options.long ? holdTransaction(world) : undefined;
    const report = await run(world, 'staging');
    await world.settled('staging');
    await transaction?.();
    const observed = await observe(world, 'staging', report.outages);
    const outage = observed.outages.find(({ kind }) => kind === 'cutover');
    if (report.ended !== 'finished' || !outage)
      throw new Error(`round ${round} ended as ${report.ended}: ${JSON.stringify(report.troubles)}`);
    const from = Date.parse(outage.from);
    return {
      round,
      long: options.long,
      outageMs: outage.ms,
      parts: outage.parts,
      writesPerSecond: world.ledger.rate(world.source('staging')?.host ?? '', 3_000, from),
      acknowledged: observed.acknowledged,
      lost: observed.lost.length,
      doubled: observed.doubled,
      p99Ms: observed.latency.p99Ms,
      load: loadavg()[0] ?? 0,
    };
  } finally {
    await world.close();
    await rm(workDir, { recursive: true, force: true });
  }
}
