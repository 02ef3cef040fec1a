import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { openCast } from '../sandbox/cast.ts';
import type { Answer, Message } from '../sandbox/slack/types.ts';
import { openWorld, type World } from '../sandbox/world.ts';

export const slackUsage = `slack       how fast the bot acknowledges 50 commands and clicks a second while an upgrade runs
  [--rate 50] [--seconds 60] [--json FILE]`;

interface Measured {
  /** Milliseconds from the envelope to its ack, as the person's side of Slack sees it. */
  readonly acks: readonly number[];
  readonly unanswered: number;
  /** How late the person's side itself was, ms: Slack's, Google's and Kubernetes' stand-ins and the pods' ledger share this process. */
  readonly ownDelay: { readonly p50: number; readonly p99: number; readonly most: number };
  /** The most edits of the board within 60 s. */
  readonly boardEdits: number;
  readonly run: string;
}

/** Production's own bot and worker carry out an upgrade; people type and click at a fixed rate meanwhile, whether or not the last one was answered. */
export async function benchSlack(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rate: { type: 'string', default: '50' }, seconds: { type: 'string', default: '60' }, json: { type: 'string' } },
  });
  const [rate, seconds] = [Number(values.rate), Number(values.seconds)];
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-bench-'));
  const world = await openWorld({ workDir, environments: ['staging'], scale: 1 });
  try {
    await Promise.all([world.start('worker'), world.start('bot')]);
    await world.slack.waitForSockets(1, 30_000);
    openCast(world, { requesterTries: false, onTrouble: (words) => process.stderr.write(`${words}\n`) });
    const measured = await measure(world, rate, seconds);
    const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, load ${loadavg()[0]?.toFixed(1)}`;
    process.stdout.write(`${tableOf(measured, rate)}\n${machine}; the run was ${measured.run} at the end\n`);
    if (values.json !== undefined)
      await writeFile(values.json, `${JSON.stringify({ benchmark: 'slack', rate, seconds, machine, ...measured }, null, 1)}\n`);
    if (at(measured.acks, 0.99) > 100 || measured.unanswered > 0) process.exitCode = 1;
  } finally {
    await world.close();
    await rm(workDir, { recursive: true, force: true });
  }
}

async function measure(world: World, rate: number, seconds: number): Promise<Measured> {
  const { slack } = world;
  const edits: number[] = [];
  let board: Message | undefined;
  slack.on((event) => {
    if (event.kind === 'message_changed' && event.message.ts === board?.ts && event.message.edited) edits.push(event.at);
  });
  await slack.human.command('U0OPERATOR', '/pgupgrade start staging');
  board = await slack.waitFor((message) => message.threadTs === undefined && isBoard(message), 30_000);
  const { ts } = board;
  const acks: number[] = [];
  slack.on((event) => {
    if (event.kind === 'delivered') acks.push(event.ms);
  });
  const lines = ['/pgupgrade status', '/pgupgrade list', '/pgupgrade whoami', '/pgupgrade help', '/pgupgrade staus'];
  const answers: Promise<Answer>[] = [];
  const until = performance.now() + seconds * 1_000;
  const own = monitorEventLoopDelay({ resolution: 5 });
  own.enable();
  for (let next = performance.now(); next < until; next += 1_000 / rate) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, next - performance.now())));
    const one = answers.length;
    const person = one % 2 ? 'U0OPERATOR' : 'U0APPROVER';
    const line = lines[one % lines.length] ?? '';
    answers.push(
      one % 3 === 0 && isBoard(find(world, ts)) ? slack.human.click(person, ts, 'run:status') : slack.human.command(person, line),
    );
  }
  const unanswered = (await Promise.all(answers)).filter((answer) => !answer.ok).length;
  own.disable();
  const ms = (nanoseconds: number) => Math.max(0, Math.round(nanoseconds / 1e6) - 5);
  const ownDelay = { p50: ms(own.percentile(50)), p99: ms(own.percentile(99)), most: ms(own.max) };
  const words = find(world, ts)?.text ?? '';
  return { acks, unanswered, ownDelay, boardEdits: most(edits), run: /PG-\d+[^:]*: ([^,]*)/.exec(words)?.[1] ?? words };
}

function find(world: World, ts: string): Message | undefined {
  return world.slack.state.messages.find((message) => message.ts === ts);
}
function isBoard(message: Message | undefined): boolean {
  return JSON.stringify(message?.blocks ?? []).includes('"run:status"');
}

/** The most of these moments within one minute. */
function most(moments: readonly number[]): number {
  return Math.max(0, ...moments.map((from) => moments.filter((one) => one >= from && one < from + 60_000).length));
}

function at(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

function tableOf({ acks, unanswered, ownDelay, boardEdits }: Measured, rate: number): string {
  const rows: readonly (readonly [string, string])[] = [
    ['commands and clicks', `${acks.length} at ${rate} a second`],
    ['not acknowledged within 3 s', String(unanswered)],
    ...[0.5, 0.95, 0.99, 1].map((part) => [part === 1 ? 'slowest ack' : `ack, ${part * 100} % within`, `${at(acks, part)} ms`] as const),
    ['of it the measuring side’s own, 99 %', `${ownDelay.p99} ms, most ${ownDelay.most} ms`],
    ['board edits in the busiest minute', String(boardEdits)],
  ];
  return rows.map(([name, value]) => `${name.padEnd(36)}${value}`).join('\n');
}
