import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';

/** What the outbox remembers about messages, in Redis, so that any bot can go on where another one died. */
export interface Sent {
  /** Slack's id of the message; `''`: given up, nobody knows whether it arrived. */
  readonly ts: string;
  /** Of what is shown; another hash means: edit. */
  readonly hash: string;
  /** The claim was unknown once and the message was posted again. */
  readonly repeated?: true;
}
export type Entry =
  | { readonly is: 'sent'; readonly sent: Sent }
  | { readonly is: 'claimed'; readonly at: number }
  | { readonly is: 'none' };

export interface OutboxStore {
  /** One owner per run: takes the board's lease or renews it. False: another bot has it. */
  lease(run: string): Promise<boolean>;
  release(run: string): Promise<void>;
  entries(run: string, keys: readonly string[]): Promise<readonly Entry[]>;
  /** False: somebody claimed it before. */
  claim(run: string, key: string, at: number): Promise<boolean>;
  /** Takes over a claim that nobody knows the end of, by the owner of the lease. `at` 0: to be taken over at once. */
  reclaim(run: string, key: string, at: number): Promise<void>;
  /** Certainly not posted: it may be claimed again. */
  unclaim(run: string, key: string): Promise<void>;
  sent(run: string, key: string, sent: Sent): Promise<void>;
  cursor(run: string): Promise<number>;
  setCursor(run: string, index: number): Promise<void>;
}

const renew = `
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return redis.call('set', KEYS[1], ARGV[1], 'nx', 'px', ARGV[2]) and 1 or 0`;
const drop = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

/** `leaseMs` (10 s): how long a dead bot's board stands still before another one draws it. `prefix`: of every key, as in jobs/. */
export function createOutboxStore(redis: Redis, options: { readonly leaseMs?: number; readonly prefix?: string } = {}): OutboxStore {
  const { leaseMs = 10_000, prefix = 'pgupgrade' } = options;
  const token = randomUUID();
  const board = (run: string) => `${prefix}:board:${run}`;
  const delivered = (run: string) => `${prefix}:delivered:${run}`;
  const post = (run: string, key: string) => `${prefix}:post:${run}:${key}`;
  return {
    lease: async (run) => (await redis.eval(renew, 1, board(run), token, leaseMs)) === 1,
    release: async (run) => {
      await redis.eval(drop, 1, board(run), token);
    },
    entries: async (run, keys) => {
      if (keys.length === 0) return [];
      const values = await redis.mget(keys.map((key) => post(run, key)));
      return values.map(entryOf);
    },
    claim: async (run, key, at) => (await redis.set(post(run, key), JSON.stringify({ claimedAt: at }), 'NX')) === 'OK',
    reclaim: async (run, key, at) => {
      await redis.set(post(run, key), JSON.stringify({ claimedAt: at }));
    },
    unclaim: async (run, key) => {
      await redis.del(post(run, key));
    },
    sent: async (run, key, sent) => {
      await redis.set(post(run, key), JSON.stringify(sent));
    },
    cursor: async (run) => Number((await redis.get(delivered(run))) ?? -1),
    setCursor: async (run, index) => {
      await redis.set(delivered(run), index);
    },
  };
}

function entryOf(value: string | null): Entry {
  if (value === null) return { is: 'none' };
  const parsed: unknown = JSON.parse(value);
  if (typeof parsed !== 'object' || parsed === null) return { is: 'none' };
  if ('ts' in parsed && typeof parsed.ts === 'string' && 'hash' in parsed && typeof parsed.hash === 'string')
    return { is: 'sent', sent: { ts: parsed.ts, hash: parsed.hash, ...('repeated' in parsed ? { repeated: true as const } : {}) } };
  return { is: 'claimed', at: 'claimedAt' in parsed && typeof parsed.claimedAt === 'number' ? parsed.claimedAt : 0 };
}
