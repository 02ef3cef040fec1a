import { z } from 'zod';
import { Refused } from '../errors.ts';

const Url = z.string().regex(/^https?:\/\/\S+$/, 'must be an http(s) address');

/** What a process is told by its environment. Unset means the real cloud. `.env.example` lists the same names. */
export const Runtime = z.object({
  SLACK_BOT_TOKEN: z.string().startsWith('xoxb-', 'must be the bot token (xoxb-…)').optional(),
  SLACK_APP_TOKEN: z.string().startsWith('xapp-', 'must be the app-level token (xapp-…)').optional(),
  SLACK_SIGNING_SECRET: z.string().min(1).optional(),
  SLACK_HTTP_PORT: z.coerce.number().int().min(1).max(65535).optional(),
  SLACK_API_URL: Url.optional(),
  REDIS_URL: z
    .string()
    .regex(/^rediss?:\/\//, 'must be a redis:// address')
    .default('redis://127.0.0.1:6379'),
  REDIS_DURABILITY: z.enum(['checked', 'declared', 'warned']).default('checked'),
  SERVICES_DIR: z.string().default('services'),
  GCP_ENDPOINT: Url.optional(),
  CLOUDSQL_PATCHED_ROLE: z.string().optional(),
  PGPORT: z.coerce.number().int().min(1).max(65535).default(5432),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug']).default('info'),
  LOCK_DURATION_MS: z.coerce.number().int().min(500).default(5_000),
  STALLED_INTERVAL_MS: z.coerce.number().int().min(200).default(1_000),
  GATE_EXPIRY_MINUTES: z.coerce.number().positive().default(30),
});
export type Runtime = z.infer<typeof Runtime>;

/** All problems of the environment at once: Refused `environment.invalid`. */
export function parseRuntime(environment: Readonly<Record<string, string | undefined>>): Runtime {
  const set = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = Runtime.safeParse(set);
  if (parsed.success) return parsed.data;
  throw new Refused(
    'environment.invalid',
    `The environment has problems:\n${parsed.error.issues.map(({ path, message }) => `  - ${path.join('.')}: ${message}`).join('\n')}`,
  );
}

/** What this process knows that no message may hold, however it came into the text. The password as written and as meant. */
export function secretsOf(runtime: Partial<Runtime>): readonly string[] {
  const written = runtime.REDIS_URL !== undefined && URL.canParse(runtime.REDIS_URL) ? new URL(runtime.REDIS_URL).password : '';
  const known = [runtime.SLACK_BOT_TOKEN, runtime.SLACK_APP_TOKEN, runtime.SLACK_SIGNING_SECRET, written, decoded(written)];
  return [...new Set(known)].filter((secret): secret is string => secret !== undefined && secret !== '');
}

/** A bare % is allowed in an address, and is no escape. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
