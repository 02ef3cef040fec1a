import { randomUUID } from 'node:crypto';
import { UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { RunHeader } from '../engine/facts.ts';
import { fold } from '../engine/fold.ts';
import { lookAtSteps } from '../engine/look.ts';
import type { LookAnswer, LookComparison, LookRequest } from '../engine/ports.ts';
import { phasesOfLeg } from '../engine/shape.ts';
import type { Runbook } from '../engine/step.ts';
import { withTimeLimit } from '../time-limit.ts';
import { type Comparing, compareForLook } from './comparison-look.ts';
import type { Jobs } from './jobs.ts';
import { connectionOf, type Queues, queueNames } from './queues.ts';
import type { Keys } from './redis.ts';

interface LookJob {
  readonly request: LookRequest;
  readonly reply: string;
}

/** Clients that refuse every change, for a look. `header`: of the run, or made up for a plan before any run. */
export type OpenLook<C> = (
  request: LookRequest,
  run: RunHeader | undefined,
  signal: AbortSignal,
) => Promise<{
  readonly header: RunHeader;
  readonly clients: C;
  compare(request: Comparing): Promise<LookComparison>;
  close(): Promise<void>;
}>;

/** What a worker puts on the asker's list. */
type Said = { readonly progress: string } | { readonly answer: LookAnswer };

/** Asks a worker to look, and waits for its answer on a list of its own; `timeoutMs` without a word from it is too long. */
export async function askForLook(
  asking: { readonly redis: Redis; readonly keys: Keys; readonly queues: Pick<Queues, 'looks'>; readonly timeoutMs: number },
  request: LookRequest,
  onProgress: (text: string) => void = () => undefined,
): Promise<LookAnswer> {
  const reply = asking.keys.reply(randomUUID());
  const waiting = asking.redis.duplicate();
  waiting.on('error', () => undefined);
  try {
    await asking.queues.looks.add(request.kind, { request, reply } satisfies LookJob, { removeOnComplete: true, removeOnFail: true });
    for (;;) {
      const heard = await waiting.blpop(reply, asking.timeoutMs / 1000);
      if (!heard) break;
      const said = JSON.parse(heard[1]) as Said;
      if ('answer' in said) return said.answer;
      onProgress(said.progress);
    }
    const message = `No worker answered within ${Math.round(asking.timeoutMs / 1000)} s; see whether one is running, then ask again.`;
    return { lines: [], error: { code: 'look.timeout', message } };
  } finally {
    waiting.disconnect();
  }
}

/** Answers looks: read-only, without a lease and without facts. */
export function startLookWorker<C>(jobs: Jobs, runbook: Runbook<C>, openLook: OpenLook<C>, closing: AbortSignal): Worker {
  return new Worker<LookJob>(
    queueNames.looks,
    async ({ data }) => {
      const answer = await lookSafely(
        jobs,
        runbook,
        openLook,
        data,
        // A comparison takes as long as the data is large; it ends when nobody waits for it any more.
        data.request.kind === 'validate' ? closing : withTimeLimit(jobs.timing.lookTimeoutMs, closing),
      );
      if (closing.aborted) throw new UnrecoverableError('the worker stops');
      await say(jobs, data.reply, { answer });
    },
    {
      connection: connectionOf(jobs.redisUrl),
      prefix: jobs.prefix,
      concurrency: 2,
      lockDuration: jobs.timing.lockDurationMs,
      stalledInterval: jobs.timing.stalledIntervalMs,
    },
  );
}

/** Gives how many of its words the asker has not taken yet. */
async function say(jobs: Jobs, reply: string, said: Said): Promise<number> {
  const [pushed] = (await jobs.redis.multi().rpush(reply, JSON.stringify(said)).pexpire(reply, jobs.timing.lookTimeoutMs).exec()) ?? [];
  return Number(pushed?.[1] ?? 0);
}

async function lookSafely<C>(
  jobs: Jobs,
  runbook: Runbook<C>,
  openLook: OpenLook<C>,
  { request, reply }: LookJob,
  signal: AbortSignal,
): Promise<LookAnswer> {
  try {
    const run = request.kind === 'preflight' ? undefined : request.run;
    const state = run === undefined ? undefined : fold(await jobs.log.read(run), jobs.shape);
    const opened = await openLook(request, state?.header, signal);
    try {
      if (request.kind === 'validate') {
        const tell = (progress: string) => say(jobs, reply, { progress });
        const comparison = await compareForLook({ jobs, request, signal, tell, compare: opened.compare });
        return { lines: [], comparison };
      }
      const upgrade = phasesOfLeg(runbook, 'upgrade');
      const phases = request.kind === 'preflight' ? upgrade.slice(0, 1) : upgrade;
      const steps = phases.flatMap((phase) => phase.steps);
      return await lookAtSteps({ steps, clients: opened.clients, header: opened.header, state, signal });
    } finally {
      await opened.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'look.failed';
    return { lines: [], error: { code, message: error instanceof Error ? error.message : String(error) } };
  }
}
