import { webApi } from '@slack/bolt';
import { redact, redactDeep } from './redact.ts';
import { type Block, type Message, section } from './render/blocks.ts';
import { cut } from './render/text.ts';

/** What became of a call. `later`: Slack certainly did nothing. `unknown`: nobody knows. `refused`: it never will. */
export type Outcome =
  | { readonly is: 'sent'; readonly ts: string }
  | { readonly is: 'later'; readonly ms: number; readonly code: string }
  | { readonly is: 'unknown'; readonly code: string }
  | { readonly is: 'refused'; readonly code: string };

export interface Poster {
  post(request: {
    readonly channel: string;
    readonly thread?: string;
    readonly broadcast: boolean;
    readonly message: Message;
  }): Promise<Outcome>;
  edit(request: { readonly channel: string; readonly ts: string; readonly message: Message }): Promise<Outcome>;
  upload(request: { readonly channel: string; readonly thread: string; readonly name: string; readonly content: string }): Promise<Outcome>;
}

/**
 * Two clients: one for posts (no retries, a retried post is a second message) and one for edits, so that an edit's
 * rate limit never delays a gate. Both throw on 429 at once; the outbox waits, not the client's queue.
 */
export function slackClients(token: string, slackApiUrl?: string): { readonly posts: webApi.WebClient; readonly edits: webApi.WebClient } {
  const options = () => ({
    timeout: 10_000,
    rejectRateLimitedCalls: true,
    logLevel: 'error' as webApi.LogLevel,
    ...(slackApiUrl ? { slackApiUrl } : {}),
  });
  return {
    posts: new webApi.WebClient(token, { ...options(), retryConfig: { retries: 0 } }),
    edits: new webApi.WebClient(token, { ...options(), retryConfig: { retries: 1, minTimeout: 300 } }),
  };
}

const tooRich = new Set([
  'invalid_blocks',
  'invalid_blocks_format',
  'msg_blocks_too_long',
  'msg_too_long',
  'block_mismatch',
  'invalid_arguments',
]);
const gone = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed', 'is_inactive', 'thread_not_found']);
const nobodyKnows = new Set(['fatal_error', 'internal_error', 'service_unavailable', 'request_timeout', 'operation_timeout']);
const neverLeft = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT']);

/** Sends, and degrades instead of dropping: blocks, then one section with the buttons, then text. Never throws. */
export function createPoster(clients: ReturnType<typeof slackClients>, mask: readonly string[] = []): Poster {
  return {
    post: ({ channel, thread, broadcast, message }) =>
      ladder(message, mask, async (text, blocks) => {
        const place = thread ? { thread_ts: thread, ...(broadcast ? { reply_broadcast: true as const } : {}) } : {};
        const answer = await clients.posts.chat.postMessage({ channel, text, blocks, unfurl_links: false, unfurl_media: false, ...place });
        return answer.ts ?? '';
      }),
    edit: ({ channel, ts, message }) =>
      ladder(message, mask, async (text, blocks) => {
        // Without `blocks` Slack keeps the old ones; an empty list clears them.
        await clients.edits.chat.update({ channel, ts, text, blocks });
        return ts;
      }),
    upload: ({ channel, thread, name, content }) =>
      attempt(async () => {
        await clients.posts.filesUploadV2({ channel_id: channel, thread_ts: thread, filename: name, content: redact(content, mask) });
        return 'file';
      }),
  };
}

async function ladder(
  message: Message,
  mask: readonly string[],
  send: (text: string, blocks: Block[]) => Promise<string>,
): Promise<Outcome> {
  const text = cut(redact(message.text, mask), 3_500);
  const blocks = redactDeep(message.blocks, mask);
  const buttons = blocks.filter((block) => block.type === 'actions');
  const rungs: readonly Block[][] = [[...blocks], [section(text), ...buttons], []];
  let outcome: Outcome = { is: 'refused', code: 'nothing-to-send' };
  for (const rung of rungs) {
    outcome = await attempt(() => send(text, rung));
    if (outcome.is !== 'refused' || !tooRich.has(outcome.code)) return outcome;
  }
  return outcome;
}

async function attempt(send: () => Promise<string>): Promise<Outcome> {
  try {
    return { is: 'sent', ts: await send() };
  } catch (error) {
    return outcomeOf(error);
  }
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof webApi.WebAPIRateLimitedError) return { is: 'later', ms: error.retryAfter * 1_000, code: 'ratelimited' };
  if (error instanceof webApi.WebAPIPlatformError) {
    const code = error.data.error;
    if (tooRich.has(code) || gone.has(code)) return { is: 'refused', code };
    if (nobodyKnows.has(code)) return { is: 'unknown', code };
    // not_in_channel, is_archived, token_revoked: somebody can mend it, so it is tried again.
    return { is: 'later', ms: 15_000, code };
  }
  if (error instanceof webApi.WebAPIHTTPError)
    return error.statusCode >= 500
      ? { is: 'unknown', code: `http-${error.statusCode}` }
      : { is: 'later', ms: 15_000, code: `http-${error.statusCode}` };
  const code = networkCode(error);
  return neverLeft.has(code) ? { is: 'later', ms: 2_000, code } : { is: 'unknown', code };
}

function networkCode(error: unknown): string {
  for (let one = error, depth = 0; one instanceof Error && depth < 6; depth += 1) {
    const code: unknown = 'code' in one ? one.code : undefined;
    if (typeof code === 'string' && /^(E[A-Z]+|UND_ERR_[A-Z_]+)$/.test(code)) return code;
    one = 'original' in one && one.original instanceof Error ? one.original : one.cause;
  }
  return 'network';
}
