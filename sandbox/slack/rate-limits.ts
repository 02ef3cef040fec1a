/** `perMinute` goes on for ever, `burst` calls may come at once. */
export interface RateLimit {
  readonly perMinute: number;
  readonly burst: number;
  /** Counted per channel instead of per workspace. */
  readonly perChannel?: boolean;
}

const TIER_2: RateLimit = { perMinute: 20, burst: 10 };
const TIER_3: RateLimit = { perMinute: 50, burst: 20 };
const TIER_4: RateLimit = { perMinute: 100, burst: 30 };
const POSTS: RateLimit = { perMinute: 60, burst: 10, perChannel: true };

/** Slack's tiers (docs.slack.dev/apis/web-api/rate-limits). Slack does not publish the bursts: these are on the cautious side. */
const DEFAULTS: Readonly<Record<string, RateLimit>> = {
  'chat.postMessage': POSTS,
  'chat.postEphemeral': TIER_4,
  'chat.update': TIER_3,
  'chat.delete': TIER_3,
  'conversations.info': TIER_3,
  'pins.add': TIER_2,
  'pins.remove': TIER_2,
  'usergroups.list': TIER_2,
  'usergroups.users.list': TIER_2,
  'users.info': TIER_4,
  'views.open': TIER_4,
  'views.push': TIER_4,
  'views.update': TIER_4,
  'views.publish': TIER_4,
  'files.getUploadURLExternal': TIER_4,
  'files.completeUploadExternal': TIER_4,
};

/** Gives a function that answers 0 (go on), or the seconds to wait (429, Retry-After). A token bucket for each method. */
export function createRateLimiter(
  setting: 'off' | Readonly<Record<string, RateLimit>> | undefined,
  now: () => number,
): (method: string, channel: string) => number {
  if (setting === 'off') return () => 0;
  const limits = { ...DEFAULTS, ...setting };
  const buckets = new Map<string, { tokens: number; at: number }>();
  return (method, channel) => {
    const limit = limits[method];
    if (!limit) return 0;
    const key = limit.perChannel ? `${method} ${channel}` : method;
    const at = now();
    const bucket = buckets.get(key) ?? { tokens: limit.burst, at };
    const tokens = Math.min(limit.burst, bucket.tokens + ((at - bucket.at) * limit.perMinute) / 60_000);
    const allowed = tokens >= 1;
    buckets.set(key, { tokens: allowed ? tokens - 1 : tokens, at });
    return allowed ? 0 : Math.max(1, Math.ceil(((1 - tokens) * 60) / limit.perMinute));
  };
}
