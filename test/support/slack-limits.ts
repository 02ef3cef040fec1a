import { blockProblems } from '../../sandbox/slack/blocks/validate.ts';
import type { Message } from '../../src/slack/render/blocks.ts';

/** What Slack (or a person who reads it) would refuse about a message of the bot. Empty: it may be sent, and edited. */
export function limitProblems(message: Message): readonly string[] {
  const problems = blockProblems(message.blocks, 'message').map((problem) => `${problem.pointer} ${problem.message}`);
  const size = JSON.stringify(message.blocks).length;
  if (message.blocks.length > 45) problems.push(`${message.blocks.length} blocks, 45 leave room`);
  if (size > 11_500) problems.push(`${size} characters of blocks, 11,500 leave room`);
  // chat.update refuses more than 4,000 characters of text; chat.postMessage would only cut them.
  if (message.text.length > 4_000) problems.push(`text of ${message.text.length} characters`);
  if (message.text.trim().length < 12) problems.push(`"${message.text}" is no sentence for a notification`);
  for (const text of texts(message.blocks)) {
    if (/<!(channel|here|everyone)/.test(text)) problems.push('mentions everybody');
    if (/[\uD800-\uDBFF](?![\uDC00-\uDFFF])/.test(text)) problems.push('a character is cut in two');
    if (/&(?!amp;|lt;|gt;)/.test(text)) problems.push(`a bare & in "${text.slice(0, 60)}"`);
    const fences = text.match(/```/g)?.length ?? 0;
    if (fences % 2 === 1) problems.push('an open code block');
  }
  return problems;
}

/** Every mrkdwn text inside. */
export function texts(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(texts);
  if (typeof value !== 'object' || value === null) return [];
  if ('type' in value && value.type === 'mrkdwn' && 'text' in value && typeof value.text === 'string') return [value.text];
  return Object.values(value).flatMap(texts);
}

/** The ids of the buttons, in order. */
export function buttonIds(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(buttonIds);
  if (typeof value !== 'object' || value === null) return [];
  if ('type' in value && value.type === 'button' && 'action_id' in value && typeof value.action_id === 'string') return [value.action_id];
  return Object.values(value).flatMap(buttonIds);
}
