import type { Redis } from 'ioredis';
import { Refused } from '../errors.ts';

const wanted = [
  { name: 'maxmemory-policy', value: 'noeviction', why: 'or Redis may throw facts and jobs away' },
  { name: 'appendonly', value: 'yes', why: 'or a restart forgets the last facts' },
  { name: 'appendfsync', value: 'always', why: 'or a crash of the machine forgets the last second' },
] as const;

/** `require` refuses, `warn` only tells (the sandbox), `declared` believes the operator (managed services block CONFIG). */
export type DurabilityMode = 'require' | 'warn' | 'declared';

/**
 * Is Redis set so that no fact is lost? Gives what is wrong, one sentence each, with the command that fixes it.
 * @throws Refused `redis.not-durable` in the mode `require`.
 */
export async function checkDurability(redis: Pick<Redis, 'config'>, mode: DurabilityMode): Promise<readonly string[]> {
  if (mode === 'declared') return [];
  const problems: string[] = [];
  for (const { name, value, why } of wanted) {
    const now = await setting(redis, name);
    if (now === value) continue;
    if (now === undefined)
      problems.push(`Redis does not tell its ${name}; see that it is ${value} (${why}) and then set REDIS_DURABILITY=declared.`);
    else problems.push(`Redis has ${name} ${now}; run: redis-cli CONFIG SET ${name} ${value} (${why}), and CONFIG REWRITE to keep it.`);
  }
  if (mode === 'require' && problems.length > 0) throw new Refused('redis.not-durable', problems.join('\n'));
  return problems;
}

async function setting(redis: Pick<Redis, 'config'>, name: string): Promise<string | undefined> {
  try {
    const answer = await redis.config('GET', name);
    return Array.isArray(answer) && typeof answer[1] === 'string' ? answer[1] : undefined;
  } catch {
    return undefined;
  }
}
