import type { Runtime } from '../config/runtime.ts';
import { Transient } from '../errors.ts';
import { checkDurability } from '../jobs/durability.ts';
import { openRedis } from '../jobs/redis.ts';
import { checksOf, type Finding, ok, type Said } from './findings.ts';

const patienceMs = 5_000;

/** Is it there, and would it keep every fact? */
export async function checkRedis(runtime: Runtime): Promise<readonly Finding[]> {
  const check = checksOf('Redis');
  let last = 'no answer';
  const redis = openRedis(runtime.REDIS_URL, (error) => {
    last = error.message;
  });
  const timer = new AbortController();
  const late = new Promise<never>((_, reject) => {
    const timeout = setTimeout(
      () => reject(new Transient('redis.unreachable', `Redis did not answer within ${patienceMs / 1_000} s: ${last}.`)),
      patienceMs,
    );
    timer.signal.addEventListener('abort', () => clearTimeout(timeout));
  });
  late.catch(() => undefined);
  const inTime = <T>(work: Promise<T>) => Promise.race([work, late]);
  try {
    const reached = await check('connection', async () => {
      const info = await inTime(redis.info('server'));
      return ok(`version ${/redis_version:(\S+)/.exec(info)?.[1] ?? '?'}`);
    });
    if (reached.some(({ verdict }) => verdict !== 'ok')) return reached;
    const durable = await check('durability', async () => {
      if (runtime.REDIS_DURABILITY === 'declared')
        return { verdict: 'note', message: 'REDIS_DURABILITY=declared: you vouch for it, nothing was looked at.' };
      const problems = await inTime(checkDurability(redis, 'warn'));
      return problems.length > 0 ? problems.map(problem) : ok('appendonly yes, appendfsync always, noeviction');
    });
    return [...reached, ...durable];
  } finally {
    timer.abort();
    redis.disconnect();
  }
}

/** `Redis has …; run: … (…)`: what, and the line that mends it. */
function problem(sentence: string): Said {
  const [what = sentence, fix = ''] = sentence.split(/; (?:run: |see that )/);
  return { verdict: 'wrong', message: `${what}.`, fix };
}
