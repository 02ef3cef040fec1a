import { webApi } from '@slack/bolt';
import { withTimeLimit } from '../time-limit.ts';
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
  upload(request: Upload): Promise<Outcome>;
  /** Does Slack answer at all? Asked before the next post when it gave no answer to one. */
  alive(): Promise<boolean>;
  pin(request: { readonly channel: string; readonly ts: string; readonly pinned: boolean }): Promise<Outcome>;
}
export interface Upload {
  readonly channel: string;
  readonly thread: string;
  readonly name: string;
  readonly content: string;
  /** A full sentence about it, for notifications and screen readers. */
  readonly comment: string;
}

/**
 * Two clients: one for posts (no retries, a retried post is a second message) and one for edits, so that an edit's
 * rate limit never delays a gate. Both throw on 429 at once; the outbox waits, not the client's queue.
 */
export function slackClients(
  token: string,
  slackApiUrl?: string,
  timeout = 10_000,
): { readonly posts: webApi.WebClient; readonly edits: webApi.WebClient } {
  const options = () => ({
    timeout,
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
const gone = new Set(['message_not_found', 'cant_update_message', 'edit_window_closed', 'thread_not_found']);
/** Pins are a convenience: without the scope, or with too many of them, the board is not pinned, and nothing else happens. */
const notPinned = new Set(['missing_scope', 'not_pinnable', 'too_many_pins', 'permission_denied', 'restricted_action']);
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
    upload: async (request) => {
      const bytes = Buffer.from(redact(request.content, mask));
      const place = await attempt(() => announce(clients.posts, request.name, bytes));
      // Only the last call shows the file: before it nothing can be there twice.
      if (place.is !== 'sent') return place.is === 'unknown' ? { is: 'later', ms: 2_000, code: place.code } : place;
      return attempt(async () => {
        const { channel, thread, name, comment } = request;
        const files: [{ id: string; title: string }] = [{ id: place.ts, title: name }];
        const initial_comment = cut(redact(comment, mask), 3_500);
        await clients.posts.files.completeUploadExternal({ files, channel_id: channel, thread_ts: thread, initial_comment });
        return place.ts;
      });
    },
    alive: async () => (await attempt(async () => (await clients.edits.auth.test()).user_id ?? 'bot')).is === 'sent',
    pin: async ({ channel, ts, pinned }) => {
      const outcome = await attempt(async () => {
        const request = { channel, timestamp: ts };
        await (pinned ? clients.edits.pins.add(request) : clients.edits.pins.remove(request));
        return ts;
      });
      if (outcome.is !== 'later') return outcome;
      if (outcome.code === 'already_pinned' || outcome.code === 'no_pin') return { is: 'sent', ts };
      return notPinned.has(outcome.code) ? { is: 'refused', code: outcome.code } : outcome;
    },
  };
}

/** The first two of an upload's three calls; gives the file's id. */
async function announce(web: webApi.WebClient, filename: string, bytes: Buffer): Promise<string> {
  const { file_id: id, upload_url: url } = await web.files.getUploadURLExternal({ filename, length: bytes.length });
  const answer = await fetch(url ?? '', { method: 'POST', body: new Uint8Array(bytes), signal: withTimeLimit(30_000) });
  if (!answer.ok || id === undefined) throw new Error(`the upload of ${filename} was answered with ${answer.status}`);
  return id;
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
