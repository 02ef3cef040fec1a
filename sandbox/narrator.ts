import { channels, groups, people } from './people.ts';
import type { Slack } from './slack/slack.ts';
import { type Names, nameOf, plain } from './slack/terminal-text.ts';
import type { Message } from './slack/types.ts';

const names: Names = { users: people, channels, usergroups: groups, bot: { user: 'U0BOT', name: 'pgupgrade' } };

/** `<!date^…|fallback>`: a terminal has no reader's zone, so the fallback's time in UTC is shown. */
function words(message: Message): string {
  return plain(names, message.text.replace(/<!date\^[^|>]*\|([^>]*)>/g, '$1'));
}

/** Prints the channel as it happens: `who │ what`. Of edits, only those that say something new, and the board's not: its thread tells the same. */
export function narrate(slack: Slack, print: (line: string) => void): () => void {
  const said = new Map<string, string>();
  const board = (message: Message) => message.threadTs === undefined && message.user === names.bot.user && message.ephemeral === undefined;
  function tell(message: Message): void {
    const now = words(message);
    const before = said.get(message.ts);
    if (now === '' || now === before) return;
    said.set(message.ts, now);
    if (before !== undefined && board(message)) return;
    const to = message.ephemeral === undefined ? '' : ` → ${nameOf(names, message.ephemeral)}`;
    const who = `${nameOf(names, message.user)}${to}`;
    for (const [at, line] of now.split('\n').entries()) print(` ${(at === 0 ? who : '').padEnd(20)} │ ${line}`);
  }
  return slack.on((event) => {
    if (event.kind === 'message' || event.kind === 'message_changed') tell(event.message);
  });
}
