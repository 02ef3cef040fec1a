import { setTimeout as pause } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { LeaseLost } from '../engine/commit.ts';
import type { Keys } from './redis.ts';
import { acquireScript, releaseScript, renewScript } from './scripts.ts';

/** One execution owns the run. Whoever is stopped and continued later finds out before the next change it makes. */
export interface Lease {
  readonly token: number;
  /** Aborted with LeaseLost when the lease is taken by another one or could not be renewed in time. */
  readonly signal: AbortSignal;
  /** Re-reads the lease; to be awaited before every mutating call. @throws LeaseLost */
  guard(): Promise<void>;
  /** Lets the lease run out while the execution ends: what is urgent takes it. */
  stopRenewing(): void;
  release(): Promise<void>;
}

/** An owner that lives hears that the writes are given back and lets go within milliseconds. */
const letsGoWithinMs = 400;

/**
 * For the give-back, which waits for nobody: takes the lease from its owner if that does not let go at once. A dead one never
 * does; a living one finds out before the next change that it makes, as if its time were up.
 */
export async function seizeLease(redis: Redis, keys: Keys, run: string, lengthMs: number): Promise<Lease> {
  const until = performance.now() + letsGoWithinMs;
  for (;;) {
    const lease = await acquireLease(redis, keys, run, lengthMs, performance.now() > until ? 'seize' : '');
    if (!('heldForMs' in lease)) return lease;
    await pause(Math.min(lease.heldForMs, 20));
  }
}

/** Takes the run's lease for `lengthMs`, or says in how many ms it may be free. */
export async function acquireLease(
  redis: Redis,
  keys: Keys,
  run: string,
  lengthMs: number,
  how: 'seize' | '' = '',
): Promise<Lease | { readonly heldForMs: number }> {
  let since = performance.now();
  const answer = (await redis.eval(acquireScript, 2, keys.lease(run), keys.tokens, String(lengthMs), how)) as readonly [number, number];
  const [token, heldForMs] = answer;
  if (token === 0) return { heldForMs: Math.max(1, heldForMs) };

  const lost = new AbortController();
  const lose = () => lost.abort(new LeaseLost(run));
  // The local end is counted from before the question: never later than Redis' own.
  const expired = () => performance.now() >= since + lengthMs;
  let deadline = setTimeout(lose, lengthMs);
  const renewal = setInterval(() => void renew().catch(() => undefined), lengthMs / 3);

  async function renew(): Promise<void> {
    const asked = performance.now();
    const renewed = await redis.eval(renewScript, 1, keys.lease(run), String(token), String(lengthMs));
    if (renewed !== 1) return lose();
    since = asked;
    clearTimeout(deadline);
    deadline = setTimeout(lose, Math.max(0, since + lengthMs - performance.now()));
  }

  return {
    token,
    signal: lost.signal,
    async guard() {
      if (lost.signal.aborted || expired()) throw new LeaseLost(run);
      const owner = await redis.get(keys.lease(run));
      if (owner !== String(token) || expired()) {
        lose();
        throw new LeaseLost(run);
      }
    },
    stopRenewing() {
      clearInterval(renewal);
    },
    async release() {
      clearInterval(renewal);
      clearTimeout(deadline);
      await redis.eval(releaseScript, 1, keys.lease(run), String(token));
    },
  };
}

export async function leaseIsFree(redis: Redis, keys: Keys, run: string): Promise<boolean> {
  return (await redis.exists(keys.lease(run))) === 0;
}
