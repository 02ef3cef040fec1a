import { isTrue, text } from './json.ts';
import { change, find, post } from './messages.ts';
import type { Json, Message } from './types.ts';
import { messageBlocks } from './web-api/method.ts';
import { BOT, type ResponseUrl, type Workspace } from './workspace.ts';

export interface ResponseUrlReply {
  readonly status: number;
  readonly body: string;
}

/**
 * A use of a response_url: five within 30 minutes (docs.slack.dev/interactivity/handling-user-interaction).
 * It is the only way to change an ephemeral message.
 */
export function useResponseUrl(workspace: Workspace, id: string, body: Json): ResponseUrlReply {
  const refuse = (status: number, error: string, detail: readonly string[] = []): ResponseUrlReply => {
    workspace.refuse('response_url', error, detail);
    return { status, body: JSON.stringify({ ok: false, error }) };
  };
  const found = workspace.state.responseUrls.get(id);
  if (!found) return refuse(404, 'invalid_response_url');
  if (workspace.now() - found.at > workspace.limits.responseUrlMs) return refuse(404, 'expired_url');
  if (found.uses >= workspace.limits.responseUrlUses) return refuse(404, 'used_url');
  workspace.state.responseUrls.set(id, { ...found, uses: found.uses + 1 });
  const original = found.ts === undefined ? undefined : find(workspace, found.channel, found.ts);
  if (isTrue(body['delete_original'])) {
    if (!original) return refuse(404, 'message_not_found');
    change(workspace, original, { deleted: true });
    return { status: 200, body: 'ok' };
  }
  const checked = messageBlocks(workspace, body);
  if ('refusal' in checked) return refuse(400, text(checked.refusal, 'error'), [JSON.stringify(checked.refusal['errors'] ?? [])]);
  const said = text(body, 'text');
  if (!said && !checked.blocks?.length) return refuse(400, 'no_text');
  if (isTrue(body['replace_original'])) {
    if (!original) return refuse(404, 'message_not_found');
    change(workspace, original, { text: said, blocks: checked.blocks ?? [], edited: { user: BOT.user, ts: workspace.stamp() } });
    return { status: 200, body: 'ok' };
  }
  answer(workspace, found, body, checked.blocks ?? []);
  return { status: 200, body: 'ok' };
}

/** The message that an ack's or a response_url's body asks for: only the person sees it, unless it says `in_channel`. */
function answer(workspace: Workspace, to: ResponseUrl, body: Json, blocks: Message['blocks']): Message {
  const threadTs = text(body, 'thread_ts') || to.threadTs;
  return post(workspace, {
    channel: to.channel,
    user: BOT.user,
    text: text(body, 'text'),
    blocks,
    ...(body['response_type'] === 'in_channel' ? {} : { ephemeral: to.user }),
    ...(threadTs ? { threadTs } : {}),
  });
}

/** Shows what a slash command was acked with; `undefined` where the ack was empty, a text where Slack would refuse it. */
export function showAck(workspace: Workspace, to: Pick<ResponseUrl, 'channel' | 'user'>, body: Json): string | undefined {
  if (!text(body, 'text') && body['blocks'] === undefined) return undefined;
  const checked = messageBlocks(workspace, body);
  if ('refusal' in checked) return text(checked.refusal, 'error');
  answer(workspace, { ...to, at: 0, uses: 0 }, body, checked.blocks ?? []);
  return undefined;
}
