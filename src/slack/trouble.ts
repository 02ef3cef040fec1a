import { time } from './render/text.ts';

/** Why Slack does not take a run's messages: its own code (`is_archived`) or the network's (`ECONNREFUSED`). */
export interface Trouble {
  readonly code: string;
  /** Milliseconds since the epoch. */
  readonly since: number;
}

const revoked = 'the bot’s token is no longer valid: set SLACK_BOT_TOKEN anew and restart the bot';

/** What is wrong and what mends it, by Slack's code; CHANNEL is filled in. */
const sentences: Readonly<Record<string, string>> = {
  not_in_channel: 'the bot is not in <#CHANNEL>: type `/invite @pgupgrade` there',
  channel_not_found: 'the bot does not see the channel CHANNEL: if it is private, type `/invite @pgupgrade` there',
  is_archived: 'the channel <#CHANNEL> is archived: unarchive it, or name another one in the service file',
  is_inactive: 'the channel <#CHANNEL> is archived: unarchive it, or name another one in the service file',
  token_revoked: revoked,
  token_expired: revoked,
  invalid_auth: revoked,
  not_authed: revoked,
  account_inactive: 'the app was removed from the workspace: install it again',
  missing_scope: 'the app lacks a scope: install it again from slack-manifest.yaml',
};

export function troubleSentence(code: string, channel: string): string | undefined {
  return sentences[code]?.replaceAll('CHANNEL', channel);
}

/** A line for `status`: the run goes on whatever Slack does, and what waits for people can be decided in a terminal. */
export function renderTrouble(trouble: Trouble, channel: string, run: string): string {
  const why = troubleSentence(trouble.code, channel) ?? 'Slack cannot be reached, or does not answer';
  return `⚠ Slack has taken no message of this run since ${time(trouble.since, '{time_secs}')}: ${why} (\`${trouble.code}\`). The run goes on and open questions wait; \`npx pgupgrade approve ${run}\` in a terminal decides without Slack.`;
}
