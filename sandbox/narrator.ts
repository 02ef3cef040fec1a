import type { Slack } from './slack/slack.ts';
import { personName, plain } from './slack/terminal.ts';
import type { Message, Stamped } from './slack/types.ts';

/** Prints the channel as it happens: `who │ what`, one line a message; edits only where they say something new. */
export function narrate(slack: Slack, print: (line: string) => void): () => void {
  const said = new Map<string, string>();
  const line = (who: string, words: string) => {
    for (const [at, part] of words.split('\n').entries()) print(` ${(at === 0 ? who : '').padEnd(15)} │ ${part}`);
  };
  function tell(message: Message): void {
    const words = plain(message.text);
    // The board is redrawn every few seconds; its place in the thread is what is told.
    if (said.get(message.ts) === words || words === '') return;
    const first = !said.has(message.ts);
    said.set(message.ts, words);
    if (!first && message.pinned) return;
    line(
      message.ephemeral === undefined
        ? personName(slack, message.user)
        : `${personName(slack, message.user)} → ${personName(slack, message.ephemeral)}`,
      words,
    );
  }
  return slack.on((event: Stamped) => {
    if (event.kind === 'message' || event.kind === 'message_changed') tell(event.message);
  });
}
