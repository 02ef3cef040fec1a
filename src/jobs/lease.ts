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
  /** Lets the lease run out while the execution ends: the give-back takes it. */
  stopRenewing(): void;
  release(): Promise<void>;
}

/**
 * How the lease is taken. A give-back waits for nobody: it may `seize` the lease from an execution, which finds out before the next
 * change that it makes, as if its time were up; never from another give-back.
 */
export type Taking = 'execute' | 'give-back' | 'seize';

/** Takes the run's lease for `lengthMs`, or says in how many ms it may be free. */
export async function acquireLease(
  redis: Redis,
  keys: Keys,
  run: string,
  lengthMs: number,
  how: Taking = 'execute',
): Promise<Lease | { readonly heldForMs: number }> {
  let since = performance.now();
  const answer = (await redis.eval(
    acquireScript,
    3,
    keys.lease(run),
    keys.tokens,
    keys.givingBack(run),
    String(lengthMs),
    how,
  )) as readonly [number, number];
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
