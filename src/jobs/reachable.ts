import type { Redis } from 'ioredis';
import { Refused } from '../errors.ts';

/**
 * Waits until Redis answers; commands would otherwise wait for ever, which is right in the middle of a run and wrong at its start.
 * @throws Refused `redis.unreachable` after `withinMs`, with what Redis or the network said last.
 */
export async function reachRedis(redis: Redis, withinMs: number): Promise<void> {
  let said = 'no answer';
  const hear = (error: Error) => {
    said = error.message;
  };
  redis.on('error', hear);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const { host, port } = redis.options;
      reject(
        new Refused(
          'redis.unreachable',
          `Redis at ${host}:${port} cannot be reached within ${withinMs / 1000} s (${said}): start it or set REDIS_URL; nothing was changed.`,
        ),
      );
    }, withinMs);
  });
  try {
    await Promise.race([redis.ping(), late]);
  } finally {
    clearTimeout(timer);
    redis.off('error', hear);
  }
}

/** Every connection says the same at each try, several times a second: told once, and again when it changes or after `everyMs`. */
export function oncePer(everyMs: number, tell: (error: unknown) => void): (error: unknown) => void {
  let last = { text: '', at: 0 };
  return (error) => {
    const text = String(error);
    const now = Date.now();
    if (text === last.text && now - last.at < everyMs) return;
    last = { text, at: now };
    tell(error);
  };
}
