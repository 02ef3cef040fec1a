import { blockProblems, describe, MOST_MESSAGE_CHARACTERS, withIds } from '../blocks/validate.ts';
import { structure } from '../json.ts';
import type { Block, Channel, Json } from '../types.ts';
import { channelOf, type Workspace } from '../workspace.ts';

/** One Web API method. `scope` is what the bot token must have been granted (docs.slack.dev/reference/methods). */
export interface Method {
  readonly scope?: string;
  run(workspace: Workspace, args: Json): Json;
}

export function done(fields: Json = {}): Json {
  return { ok: true, ...fields };
}

export function fail(error: string, messages: readonly string[] = []): Json {
  return { ok: false, error, ...(messages.length > 0 ? { errors: messages, response_metadata: { messages } } : {}) };
}

/** The channel, or the error with which Slack refuses to write there. */
export function writable(workspace: Workspace, given: string, archived: 'is_archived' | 'is_inactive'): Channel | string {
  const channel = channelOf(workspace, given);
  if (!channel) return 'channel_not_found';
  if (channel.botIsMember === false) return channel.isPrivate ? 'channel_not_found' : 'not_in_channel';
  if (channel.isArchived) return archived;
  return channel;
}

/** Checked blocks of a message, `undefined` where none were sent, or the whole refusal. */
export function messageBlocks(
  workspace: Workspace,
  args: Json,
): { readonly blocks: readonly Block[] | undefined } | { readonly refusal: Json } {
  if (args['attachments'] !== undefined && args['attachments'] !== '')
    return { refusal: fail('invalid_attachments', ['[ERROR] the stand-in shows no attachments: send blocks']) };
  if (args['blocks'] === undefined || args['blocks'] === '') return { blocks: undefined };
  const given = structure(args['blocks']);
  if (!Array.isArray(given)) return { refusal: fail('invalid_blocks_format', ['[ERROR] blocks must be a JSON array']) };
  const problems = blockProblems(given, 'message');
  if (problems.length > 0) return { refusal: fail('invalid_blocks', describe(problems)) };
  const length = JSON.stringify(given).length;
  if (length > MOST_MESSAGE_CHARACTERS)
    return {
      refusal: fail('msg_blocks_too_long', [`[ERROR] ${length} characters of blocks, about ${MOST_MESSAGE_CHARACTERS} are allowed`]),
    };
  return { blocks: withIds(given, () => workspace.id('').slice(0, 5).toLowerCase()) };
}
