import type { Redis } from 'ioredis';
import type { Fact } from '../engine/facts.ts';
import type { Keys } from './redis.ts';

interface Known {
  readonly facts: readonly Fact[];
  /** The last fact as it stands in Redis. */
  readonly last: string;
}
const runsKnown = 20;

/**
 * Reads logs by what was appended since the last read of this process: a log only grows, and is read a dozen times a step.
 * The last fact that is known is read again each time; where it is not the same (a Redis that was emptied or restored), the whole log is.
 */
export function factReaders(redis: Pick<Redis, 'lrange'>, keys: Keys) {
  const known = new Map<string, Known>();

  return {
    async read(run: string): Promise<readonly Fact[]> {
      const before = known.get(run);
      const from = before ? before.facts.length - 1 : 0;
      let lines = await redis.lrange(keys.log(run), from, -1);
      let facts = before?.facts ?? [];
      if (before && lines[0] === before.last) lines = lines.slice(1);
      else {
        if (before) lines = await redis.lrange(keys.log(run), 0, -1);
        facts = [];
      }
      if (lines.length > 0) facts = [...facts, ...lines.map((line) => JSON.parse(line) as Fact)];
      const last = lines.at(-1) ?? before?.last;
      known.delete(run);
      if (facts.length > 0 && last !== undefined) known.set(run, { facts, last });
      for (const oldest of known.keys()) if (known.size > runsKnown) known.delete(oldest);
      return facts;
    },
  };
}
