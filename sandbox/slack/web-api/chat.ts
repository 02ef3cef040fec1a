import { isObject, isTrue, structure, text } from '../json.ts';
import { change, find, post, wireMessage } from '../messages.ts';
import type { Block, Json, Message } from '../types.ts';
import { BOT, channelOf, type Workspace } from '../workspace.ts';
import { done, fail, type Method, messageBlocks, writable } from './method.ts';

/** Posting cuts the text here; an edit is refused beyond the second (docs: chat.postMessage, chat.update). */
const MOST_TEXT = 40_000;
const MOST_EDITED_TEXT = 4_000;
const SCOPE = 'chat:write';

/** The parent that a reply belongs to, or why Slack takes no reply there. */
function parent(workspace: Workspace, channel: string, threadTs: string): Message | string | undefined {
  if (!threadTs) return undefined;
  const found = find(workspace, channel, threadTs);
  if (!found) return 'thread_not_found';
  return found.ephemeral || (found.threadTs && found.threadTs !== found.ts) ? 'cannot_reply_to_message' : found;
}

function postMessage(workspace: Workspace, args: Json, ephemeral?: string): Json {
  const channel = writable(workspace, text(args, 'channel'), 'is_archived');
  if (typeof channel === 'string') return fail(channel);
  const checked = messageBlocks(workspace, args);
  if ('refusal' in checked) return checked.refusal;
  const said = text(args, 'text') || text(args, 'markdown_text');
  if (!said && !checked.blocks?.length) return fail('no_text');
  const thread = parent(workspace, channel.id, text(args, 'thread_ts'));
  if (typeof thread === 'string') return fail(thread);
  const metadata = structure(args['metadata']);
  const message = post(workspace, {
    channel: channel.id,
    user: BOT.user,
    text: said.slice(0, MOST_TEXT),
    ...(checked.blocks ? { blocks: checked.blocks } : {}),
    ...(thread ? { threadTs: thread.ts } : {}),
    ...(thread && isTrue(args['reply_broadcast']) ? { broadcast: true } : {}),
    ...(ephemeral ? { ephemeral } : {}),
    ...(isObject(metadata) ? { metadata } : {}),
  });
  return ephemeral
    ? done({ message_ts: message.ts })
    : done({ channel: channel.id, ts: message.ts, message: wireMessage(message), ...warning(args) });
}

/** Slack warns where the fallback text is missing: screen readers and notifications have nothing else. */
function warning(args: Json): Json {
  return text(args, 'text') ? {} : { response_metadata: { warnings: ['missing_text'] } };
}

function postEphemeral(workspace: Workspace, args: Json): Json {
  const user = text(args, 'user');
  if (!workspace.options.users.some((one) => one.id === user)) return fail('user_not_in_channel');
  return postMessage(workspace, args, user);
}

function isRich(blocks: readonly Block[]): boolean {
  return blocks.length > 0 && blocks.every((block) => block.type === 'rich_text');
}

function update(workspace: Workspace, args: Json): Json {
  const channel = writable(workspace, text(args, 'channel'), 'is_inactive');
  if (typeof channel === 'string') return fail(channel);
  if (text(args, 'channel') !== channel.id) return fail('channel_not_found');
  const message = find(workspace, channel.id, text(args, 'ts'));
  // For chat.update an ephemeral message does not exist.
  if (!message || message.ephemeral) return fail('message_not_found');
  if (message.user !== BOT.user) return fail('cant_update_message');
  const checked = messageBlocks(workspace, args);
  if ('refusal' in checked) return checked.refusal;
  const said = args['text'] === undefined ? undefined : text(args, 'text');
  if (said !== undefined && said.length > MOST_EDITED_TEXT) return fail('msg_too_long');
  if (!said && checked.blocks === undefined) return fail('no_text');
  if (isRich(message.blocks) && checked.blocks !== undefined && !isRich(checked.blocks)) return fail('block_mismatch');
  const changed = change(workspace, message, {
    ...(said === undefined ? {} : { text: said }),
    // Left out, the old blocks stay; an empty list clears them.
    ...(checked.blocks ? { blocks: checked.blocks } : {}),
    ...(isTrue(args['reply_broadcast']) && message.threadTs ? { broadcast: true } : {}),
    edited: { user: BOT.user, ts: workspace.stamp() },
  });
  return done({ channel: channel.id, ts: changed.ts, text: changed.text, message: wireMessage(changed) });
}

function remove(workspace: Workspace, args: Json): Json {
  const channel = writable(workspace, text(args, 'channel'), 'is_inactive');
  if (typeof channel === 'string') return fail(channel);
  const message = find(workspace, channel.id, text(args, 'ts'));
  if (!message || message.ephemeral) return fail('message_not_found');
  if (message.user !== BOT.user) return fail('cant_delete_message');
  change(workspace, message, { deleted: true });
  return done({ channel: channel.id, ts: message.ts });
}

function permalink(workspace: Workspace, args: Json): Json {
  const channel = channelOf(workspace, text(args, 'channel'));
  if (!channel) return fail('channel_not_found');
  const message = find(workspace, channel.id, text(args, 'message_ts'));
  if (!message || message.ephemeral) return fail('message_not_found');
  const thread = message.threadTs ? `?thread_ts=${message.threadTs}&cid=${channel.id}` : '';
  return done({ channel: channel.id, permalink: `${workspace.base()}/archives/${channel.id}/p${message.ts.replace('.', '')}${thread}` });
}

export const chatMethods: Readonly<Record<string, Method>> = {
  'chat.postMessage': { scope: SCOPE, run: (workspace, args) => postMessage(workspace, args) },
  'chat.postEphemeral': { scope: SCOPE, run: postEphemeral },
  'chat.update': { scope: SCOPE, run: update },
  'chat.delete': { scope: SCOPE, run: remove },
  'chat.getPermalink': { run: permalink },
};
