import { randomUUID } from 'node:crypto';
import { UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { RunHeader } from '../engine/facts.ts';
import { fold } from '../engine/fold.ts';
import { lookAtSteps } from '../engine/look.ts';
import type { LookAnswer, LookRequest } from '../engine/ports.ts';
import { phasesOfLeg } from '../engine/shape.ts';
import type { Runbook } from '../engine/step.ts';
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
) => Promise<{ readonly header: RunHeader; readonly clients: C; close(): Promise<void> }>;

/** Asks a worker to look, and waits for its answer on a list of its own. */
export async function askForLook(
  asking: { readonly redis: Redis; readonly keys: Keys; readonly queues: Pick<Queues, 'looks'>; readonly timeoutMs: number },
  request: LookRequest,
): Promise<LookAnswer> {
  const reply = asking.keys.reply(randomUUID());
  const waiting = asking.redis.duplicate();
  waiting.on('error', () => undefined);
  try {
    await asking.queues.looks.add(request.kind, { request, reply } satisfies LookJob, { removeOnComplete: true, removeOnFail: true });
    const answer = await waiting.blpop(reply, asking.timeoutMs / 1000);
    if (answer) return JSON.parse(answer[1]) as LookAnswer;
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
        data.request,
        AbortSignal.any([closing, AbortSignal.timeout(jobs.timing.lookTimeoutMs)]),
      );
      if (closing.aborted) throw new UnrecoverableError('the worker stops');
      await jobs.redis.multi().rpush(data.reply, JSON.stringify(answer)).pexpire(data.reply, jobs.timing.lookTimeoutMs).exec();
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

async function lookSafely<C>(
  jobs: Jobs,
  runbook: Runbook<C>,
  openLook: OpenLook<C>,
  request: LookRequest,
  signal: AbortSignal,
): Promise<LookAnswer> {
  try {
    const run = request.kind === 'plan' ? request.run : undefined;
    const state = run === undefined ? undefined : fold(await jobs.log.read(run), jobs.shape);
    const opened = await openLook(request, state?.header, signal);
    try {
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
