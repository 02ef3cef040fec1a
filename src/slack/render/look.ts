import type { LookAnswer } from '../../engine/ports.ts';
import { header, type Message, message, section } from './blocks.ts';
import { codeBlock, plural, safe } from './text.ts';

/** What a read-only look says: a plan step by step, or the preflight's findings; `forecast`: what it will cost. Long plans are cut; the terminal shows them whole. */
export function renderLook(title: string, answer: LookAnswer, forecast: readonly string[] = []): Message {
  const lines = answer.lines.map((line) => {
    const text = line.text.length ? `\n${codeBlock(line.text, 900).text}` : '';
    return `*${safe(line.title)}* — ${safe(line.state)}${text}`;
  });
  const trouble = answer.error ? [section(`❌ ${safe(answer.error.message)} \`${safe(answer.error.code)}\``)] : [];
  const shown = lines.slice(0, 38);
  const left = lines.length - shown.length;
  return message(
    `${safe(title)}: ${plural(answer.lines.length, 'step')}${answer.error ? `, ${safe(answer.error.message)}` : ''}. Nothing was changed.`,
    [
      header(title),
      ...trouble,
      ...(forecast.length ? [section(...forecast.map((line) => `⏱ ${safe(line)}`))] : []),
      ...shown.map((line) => section(line)),
      section(`_Nothing was changed.${left > 0 ? ` ${left} more in the terminal: \`npx pgupgrade plan\`.` : ''}_`),
    ],
  );
}
