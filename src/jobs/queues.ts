import { Queue } from 'bullmq';
import type { OwedJob } from './owed.ts';

/** `timed`: planned starts and expiries, never behind a busy step. */
export const queueNames = { steps: 'steps', timed: 'timed', looks: 'looks', tending: 'tending' } as const;

export interface Queues {
  readonly steps: Queue;
  readonly timed: Queue;
  readonly looks: Queue;
  readonly tending: Queue;
  close(): Promise<void>;
}

export function connectionOf(redisUrl: string) {
  return { url: redisUrl, maxRetriesPerRequest: null };
}

export function openQueues(redisUrl: string, prefix: string, onError: (error: Error) => void): Queues {
  const open = (name: string) => {
    const queue = new Queue(name, { connection: connectionOf(redisUrl), prefix });
    queue.on('error', onError);
    return queue;
  };
  const queues = {
    steps: open(queueNames.steps),
    timed: open(queueNames.timed),
    looks: open(queueNames.looks),
    tending: open(queueNames.tending),
  };
  return {
    ...queues,
    async close() {
      await Promise.all(Object.values(queues).map((queue) => queue.close()));
    },
  };
}

/** The log is the history: a finished job that is kept would swallow the next one of its id. */
export const jobOptions = {
  removeOnComplete: true,
  removeOnFail: true,
  attempts: 8,
  backoff: { type: 'exponential', delay: 500, jitter: 0.5 },
} as const;

/** Adds the job unless one of its id is there. */
export async function addJob(queues: Queues, job: OwedJob): Promise<void> {
  const delay = job.dueAt === undefined ? 0 : Math.max(0, job.dueAt - Date.now());
  await queues[job.queue].add(job.data.kind, job.data, { ...jobOptions, jobId: job.id, delay });
}

/** Is the job there to be done? One of that id that has ended is removed: it would swallow its successor. */
export async function isQueued(queues: Queues, job: OwedJob): Promise<boolean> {
  const known = await queues[job.queue].getJob(job.id);
  if (!known) return false;
  const state = await known.getState();
  if (state !== 'completed' && state !== 'failed' && state !== 'unknown') return true;
  // It may be taken up between the two calls: then it is there after all, and the next round sees it.
  await known.remove().catch(() => undefined);
  return false;
}

/** Takes a job out that waits or is delayed; one that is being executed is left to its own signal. */
export async function removeWaiting(queues: Queues, id: string): Promise<void> {
  const job = await queues.steps.getJob(id);
  if (!job || (await job.isActive())) return;
  // It may have become active between the two calls: BullMQ then refuses, and the signal is what stops it.
  await job.remove().catch(() => undefined);
}
