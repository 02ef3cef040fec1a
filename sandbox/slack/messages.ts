import { isObject, items, text } from './json.ts';
import type { Block, Json, Message, SlackFile } from './types.ts';
import { BOT, channelOf, SLACKBOT, TEAM, type Workspace } from './workspace.ts';

export interface Draft {
  readonly channel: string;
  readonly user: string;
  readonly text: string;
  readonly blocks?: readonly Block[];
  readonly threadTs?: string;
  readonly broadcast?: boolean;
  readonly ephemeral?: string;
  readonly files?: readonly SlackFile[];
  readonly metadata?: Json;
}

/** Puts a message into its channel and notifies whom it mentions. */
export function post(workspace: Workspace, draft: Draft): Message {
  const message: Message = { ...draft, ts: workspace.stamp(), blocks: draft.blocks ?? [], files: draft.files ?? [] };
  workspace.state.messages.push(message);
  workspace.emit({ kind: 'message', message });
  if (!message.ephemeral) notify(workspace, message);
  return message;
}

/** What Slack itself tells one person when the app failed them. */
export function tellFailure(workspace: Workspace, channel: string, person: string, words: string, threadTs?: string): Message {
  return post(workspace, { channel, user: SLACKBOT, text: `⚠ ${words}`, ephemeral: person, ...(threadTs ? { threadTs } : {}) });
}

/** Replaces a message's content. Nobody is notified, even where the new text mentions somebody. */
export function change(workspace: Workspace, message: Message, changes: Partial<Message>): Message {
  const changed: Message = { ...message, ...changes };
  const { messages } = workspace.state;
  messages[messages.findIndex((one) => one.ts === message.ts)] = changed;
  workspace.emit({ kind: changed.deleted ? 'message_deleted' : 'message_changed', message: changed });
  return changed;
}

/** A message that still stands there. */
export function find(workspace: Workspace, channel: string, ts: string): Message | undefined {
  return workspace.state.messages.find((one) => one.ts === ts && one.channel === channel && !one.deleted);
}

function notify(workspace: Workspace, message: Message): void {
  for (const to of mentioned(workspace, message)) {
    const notification = { to, ts: message.ts, channel: message.channel, text: message.text };
    workspace.state.notifications.push(notification);
    workspace.emit({ kind: 'notification', notification });
  }
}

/** Everybody whom a message would notify: named, by group, by `@here` and `@channel`, or because it is a direct message. */
function mentioned(workspace: Workspace, message: Message): ReadonlySet<string> {
  const { users, usergroups } = workspace.options;
  const people = new Set<string>();
  const direct = users.find((user) => channelOf(workspace, user.id)?.id === message.channel);
  if (direct) people.add(direct.id);
  // With blocks the text is only the fallback, and what it mentions is not shown in the channel.
  const said = message.blocks.length > 0 ? message.blocks.flatMap(saidIn).join('\n') : message.text;
  for (const [, user] of said.matchAll(/<@(\w+)/g)) if (user && users.some((one) => one.id === user)) people.add(user);
  for (const [, group] of said.matchAll(/<!subteam\^(\w+)/g))
    for (const user of usergroups.find((one) => one.id === group)?.users ?? []) people.add(user);
  if (/<!(here|channel|everyone)/.test(said) && !direct) for (const user of users) people.add(user.id);
  people.delete(message.user);
  return people;
}

function saidIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(saidIn);
  if (!isObject(value)) return [];
  switch (value['type']) {
    case 'mrkdwn':
    case 'markdown':
      return [text(value, 'text')];
    case 'user':
      return [`<@${text(value, 'user_id')}>`];
    case 'usergroup':
      return [`<!subteam^${text(value, 'usergroup_id')}>`];
    case 'broadcast':
      return [`<!${text(value, 'range')}>`];
    default:
      return Object.entries(value).flatMap(([key, inner]) => (key === 'confirm' ? [] : saidIn(inner)));
  }
}

/** The message as Slack's API gives it. */
export function wireMessage(message: Message): Json {
  const isBot = message.user === BOT.user;
  return {
    type: 'message',
    ...(isBot ? { subtype: message.broadcast ? 'thread_broadcast' : 'bot_message', bot_id: BOT.id, app_id: BOT.app } : {}),
    ts: message.ts,
    user: message.user,
    team: TEAM.id,
    text: message.text,
    blocks: message.blocks,
    ...(message.threadTs ? { thread_ts: message.threadTs } : {}),
    ...(message.edited ? { edited: message.edited } : {}),
    ...(message.files.length > 0 ? { files: items(message.files) } : {}),
    ...(message.metadata ? { metadata: message.metadata } : {}),
  };
}
