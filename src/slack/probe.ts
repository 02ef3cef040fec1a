import { webApi } from '@slack/bolt';

const sentences: Readonly<Record<string, string>> = {
  not_in_channel: 'The bot is not in <#CHANNEL>. Type `/invite @pgupgrade` there and start again; nothing was begun.',
  channel_not_found:
    'The bot does not see the channel CHANNEL. If it is private, type `/invite @pgupgrade` there and start again; nothing was begun.',
  is_archived: 'The channel <#CHANNEL> is archived; name another one in the service file. Nothing was begun.',
};

/**
 * Can the bot write to the channel? Asked by a word to the person who starts a run, because listing channels would need
 * one more scope. Gives the sentence to refuse with; whatever else Slack says is no reason to refuse.
 */
export async function channelProblem(
  web: Pick<webApi.WebClient, 'chat'>,
  request: { readonly channel: string; readonly user: string; readonly text: string },
): Promise<string | undefined> {
  try {
    await web.chat.postEphemeral(request);
    return undefined;
  } catch (error) {
    const code = error instanceof webApi.WebAPIPlatformError ? error.data.error : '';
    return sentences[code]?.replaceAll('CHANNEL', request.channel);
  }
}
