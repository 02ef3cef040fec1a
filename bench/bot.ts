import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { openCast } from '../sandbox/cast.ts';
import { residentMegabytes } from '../sandbox/figures.ts';
import { openWorld } from '../sandbox/world.ts';

export const botUsage = 'bot [--kills 3] [--json FILE]';

const idleForMs = 3_000;
const patienceMs = 60_000;

/**
 * The bot's own weight: memory of bot and worker while nothing runs, and how long a run stands still when its worker is
 * killed with -9 in the middle of it, another worker being there: from the kill to the next fact in the log.
 */
export async function benchBot(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { kills: { type: 'string', default: '3' }, json: { type: 'string' } } });
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-bench-'));
  const world = await openWorld({ workDir, environments: ['staging'], scale: 1 });
  const redis = new Redis(world.info().redis);
  const facts = () => redis.llen('pgupgrade:run:PG-1');
  const factsAbove = async (count: number) => {
    const until = Date.now() + patienceMs;
    while ((await facts()) <= count) {
      if (Date.now() > until) throw new Error(`no fact came after the ${count}th within ${patienceMs / 1_000} s`);
      await pause(5);
    }
  };
  try {
    const bot = await world.start('bot');
    let worker = await world.start('worker');
    await world.slack.waitForSockets(1, 30_000);
    await pause(idleForMs);
    const idleMegabytes = await residentMegabytes([bot.pid, worker.pid]);
    process.stdout.write(`bot and worker, idle: ${idleMegabytes} MB\n`);
    openCast(world, { requesterTries: false, onTrouble: (words) => process.stderr.write(`${words}\n`) });
    await world.slack.human.command('U0OPERATOR', '/pgupgrade start staging');
    const standstills: number[] = [];
    for (let kill = 1; kill <= Number(values.kills); kill += 1) {
      // Some facts further each time, so that every kill meets another step.
      await factsAbove((await facts()) + 8);
      const other = await world.start('worker');
      const [before, at] = [await facts(), performance.now()];
      worker.kill('SIGKILL');
      await factsAbove(before);
      standstills.push(Math.round(performance.now() - at));
      worker = other;
      process.stdout.write(`kill -9 of the worker: the next fact after ${standstills.at(-1)} ms\n`);
    }
    if (values.json !== undefined) await writeFile(values.json, JSON.stringify({ benchmark: 'bot', idleMegabytes, standstills }, null, 1));
  } finally {
    redis.disconnect();
    await world.close();
    await rm(workDir, { recursive: true, force: true });
  }
}
