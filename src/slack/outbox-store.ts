import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Trouble } from './trouble.ts';

/** What the outbox remembers about messages, in Redis, so that any bot can go on where another one died. */
export interface Sent {
  /** Slack's id of the message; `''`: nobody knows whether it arrived, and it is not sent again. */
  readonly ts: string;
  /** Of what is shown; another hash means: edit. */
  readonly hash: string;
  /** The claim was unknown once and the message was posted again. */
  readonly repeated?: true;
}
export interface Claim {
  /** Milliseconds since the epoch; 0: to be taken over at once. */
  readonly at: number;
  /** An earlier claim was unknown: this one is the repeat. */
  readonly repeat: boolean;
}
export type Entry =
  | { readonly is: 'sent'; readonly sent: Sent }
  | { readonly is: 'claimed'; readonly claim: Claim }
  | { readonly is: 'none' };

export interface OutboxStore {
  /** One owner per run: takes the board's lease or renews it. False: another bot has it. */
  lease(run: string): Promise<boolean>;
  release(run: string): Promise<void>;
  entries(run: string, keys: readonly string[]): Promise<readonly Entry[]>;
  /** False: somebody claimed it before. */
  claim(run: string, key: string, claim: Claim): Promise<boolean>;
  /** Takes over a claim that nobody knows the end of, by the owner of the lease. */
  reclaim(run: string, key: string, claim: Claim): Promise<void>;
  /** Certainly not posted: it may be claimed again. */
  unclaim(run: string, key: string): Promise<void>;
  sent(run: string, key: string, sent: Sent): Promise<void>;
  cursor(run: string): Promise<number>;
  setCursor(run: string, index: number): Promise<void>;
  /** `undefined`: Slack takes the run's messages. */
  setTrouble(run: string, trouble: Trouble | undefined): Promise<void>;
}
export interface StoreOptions {
  /** How long a dead bot's board stands still before another one draws it, 10 s. */
  readonly leaseMs?: number;
  /** Of every key, as in jobs/. */
  readonly prefix?: string;
}

const renew = `
if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('pexpire', KEYS[1], ARGV[2]) end
return redis.call('set', KEYS[1], ARGV[1], 'nx', 'px', ARGV[2]) and 1 or 0`;
const drop = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0`;

const troubleKey = (prefix: string, run: string) => `${prefix}:trouble:${run}`;

export function createOutboxStore(redis: Redis, options: StoreOptions = {}): OutboxStore {
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
    claim: async (run, key, claim) => (await redis.set(post(run, key), JSON.stringify({ claim }), 'NX')) === 'OK',
    reclaim: async (run, key, claim) => {
      await redis.set(post(run, key), JSON.stringify({ claim }));
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
    setTrouble: async (run, trouble) => {
      if (trouble) await redis.set(troubleKey(prefix, run), JSON.stringify(trouble));
      else await redis.del(troubleKey(prefix, run));
    },
  };
}

/** What keeps the run's messages from the channel, as the bot saw it last; for whoever asks for the run's status. */
export async function readTrouble(redis: Redis, run: string, prefix = 'pgupgrade'): Promise<Trouble | undefined> {
  const value = await redis.get(troubleKey(prefix, run));
  return value === null ? undefined : (JSON.parse(value) as Trouble);
}

function entryOf(value: string | null): Entry {
  if (value === null) return { is: 'none' };
  const parsed = JSON.parse(value) as Partial<Sent> & { readonly claim?: Claim };
  if (parsed.ts !== undefined && parsed.hash !== undefined)
    return { is: 'sent', sent: { ts: parsed.ts, hash: parsed.hash, ...(parsed.repeated ? { repeated: true } : {}) } };
  // A claim of an earlier version of the bot has no more to say than that it is one.
  return { is: 'claimed', claim: parsed.claim ?? { at: 0, repeat: false } };
}
