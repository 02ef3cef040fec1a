import { Redis } from 'ioredis';

/** Commands wait while Redis is away and are sent again when it is back; every script here bears being sent twice. */
export function openRedis(url: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: (times) => Math.min(50 * times, 1_000) });
  redis.on('error', onError);
  return redis;
}

/** Every key of the bot in Redis. BullMQ's own keys live under `<prefix>:<queue>:`. */
export function keysOf(prefix: string) {
  return {
    log: (run: string) => `${prefix}:run:${run}`,
    /** The last append's own id, so that an append that is sent twice is made once. */
    appended: (run: string) => `${prefix}:appended:${run}`,
    lease: (run: string) => `${prefix}:lease:${run}`,
    /** The token of the give-back that owned the run last. */
    givingBack: (run: string) => `${prefix}:giving-back:${run}`,
    progress: (run: string) => `${prefix}:progress:${run}`,
    wayBack: (run: string) => `${prefix}:way-back:${run}`,
    proof: (run: string) => `${prefix}:proof:${run}`,
    reply: (id: string) => `${prefix}:reply:${id}`,
    /** A comparison on demand is under way. */
    comparison: (run: string) => `${prefix}:comparison:${run}`,
    /** Counts the tokens of all leases. */
    tokens: `${prefix}:lease-tokens`,
    /** Counts the runs. */
    counter: `${prefix}:run-counter`,
    /** Newest first. */
    index: `${prefix}:runs`,
    /** `service/environment` → the unfinished run that holds it. */
    claims: `${prefix}:claims`,
    /** `service/environment` → the lock that keeps runs from starting there. */
    locks: `${prefix}:locks`,
    changes: `${prefix}:changes`,
  } as const;
}
export type Keys = ReturnType<typeof keysOf>;
