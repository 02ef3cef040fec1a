import type { Redis } from 'ioredis';

/** One subscription for all listeners of a process, opened with the first of them. */
export function watchChanges(redis: Redis, channel: string) {
  const listeners = new Set<(run: string) => void>();
  let subscriber: Promise<Redis> | undefined;

  async function open(): Promise<Redis> {
    const connection = redis.duplicate();
    connection.on('error', () => undefined);
    connection.on('message', (_channel, run) => {
      for (const listener of listeners) listener(run);
    });
    await connection.subscribe(channel);
    return connection;
  }

  return {
    async watch(listener: (run: string) => void): Promise<() => Promise<void>> {
      listeners.add(listener);
      subscriber ??= open();
      await subscriber;
      return async () => {
        listeners.delete(listener);
      };
    },
    async close(): Promise<void> {
      listeners.clear();
      (await subscriber)?.disconnect();
      subscriber = undefined;
    },
  };
}
