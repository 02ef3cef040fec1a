import { webApi } from '@slack/bolt';
import { troubleSentence } from './trouble.ts';

const refusing: ReadonlySet<string> = new Set(['not_in_channel', 'channel_not_found', 'is_archived']);

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
    const sentence = refusing.has(code) ? troubleSentence(code, request.channel) : undefined;
    return sentence && `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}, then start again; nothing was begun.`;
  }
}
