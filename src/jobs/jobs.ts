import type { Redis } from 'ioredis';
import type { Dispatcher, RunLog } from '../engine/ports.ts';
import type { RunbookShape } from '../engine/state.ts';
import { type Advancing, advance } from './advance.ts';
import { askForLook } from './looks.ts';
import { openQueues } from './queues.ts';
import { oncePer, reachRedis } from './reachable.ts';
import { keysOf, openRedis } from './redis.ts';
import { createRunLog } from './run-log.ts';
import { defaultTiming, type Report, type Timing } from './settings.ts';

export interface JobsRequest {
  readonly redisUrl: string;
  /** `shapeOf(runbook)` */
  readonly shape: RunbookShape;
  /** Of every key. Default `pgupgrade`. */
  readonly prefix?: string;
  readonly timing?: Partial<Timing>;
  readonly report: Report;
}

/** The run log and the dispatcher on Redis: all that the bot's process needs, and what a worker is started with. */
export interface Jobs extends Advancing {
  readonly log: RunLog;
  readonly dispatcher: Dispatcher;
  readonly redisUrl: string;
  readonly prefix: string;
  readonly timing: Timing;
  readonly report: Report;
  /** Resolves once Redis answers. @throws Refused `redis.unreachable` */
  reached(withinMs: number): Promise<void>;
  close(): Promise<void>;
}

/** Connects to Redis. Nothing is executed by it: that is `startWorker`. */
export function connectJobs(request: JobsRequest): Jobs {
  const { redisUrl, shape, report, prefix = 'pgupgrade' } = request;
  const timing: Timing = { ...defaultTiming, ...request.timing };
  const onError = oncePer(30_000, (error) => report({ kind: 'error', where: 'redis', error }));
  const redis: Redis = openRedis(redisUrl, onError);
  const keys = keysOf(prefix);
  const log = createRunLog(redis, keys);
  const queues = openQueues(redisUrl, prefix, onError);
  const advancing: Advancing = { redis, keys, log, queues, shape };
  return {
    ...advancing,
    log,
    redisUrl,
    prefix,
    timing,
    report,
    dispatcher: {
      async advance(run) {
        await advance(advancing, run);
      },
      look: (look, onProgress) => askForLook({ redis, keys, queues, timeoutMs: timing.lookTimeoutMs }, look, onProgress),
    },
    reached: (withinMs) => reachRedis(redis, withinMs),
    async close() {
      await queues.close();
      await log.close();
      redis.disconnect();
    },
  };
}
