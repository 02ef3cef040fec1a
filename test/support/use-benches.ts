import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Bench, type BenchRequest, openBench, redisForTests } from './engine-bench.ts';

/** For a file of tests: one Redis, and benches that are closed after the test that opened them. */
export function useBenches(): (request: Omit<BenchRequest, 'redis'>) => Promise<Bench> {
  let redis: Awaited<ReturnType<typeof redisForTests>>;
  const open: Bench[] = [];
  beforeAll(async () => {
    redis = await redisForTests();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  });
  afterAll(async () => {
    await redis.close();
  });
  return async (request) => {
    const opened = await openBench({ redis, ...request });
    open.push(opened);
    return opened;
  };
}
