import { Redis } from 'ioredis';

/** How the Redis is that holds the runs' facts. */
export interface RedisLook {
  readonly commandsPerSecond: number;
  readonly memoryBytes: number;
}

/** Asks Redis itself; one that is away is null, and asked again at the next look. */
export function watchRedis(url: string) {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, connectionName: 'sandbox-watch' });
  redis.on('error', () => undefined);
  return {
    async look(): Promise<RedisLook | null> {
      try {
        const info = await redis.info();
        const figure = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
        return {
          commandsPerSecond: figure('instantaneous_ops_per_sec'),
          memoryBytes: figure('used_memory'),
        };
      } catch {
        return null;
      }
    },
    close: () => redis.disconnect(),
  };
}
