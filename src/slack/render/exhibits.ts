import type { types } from '@slack/bolt';
import type { Exhibit } from '../../engine/step.ts';
import { type Block, type Message, message, section } from './blocks.ts';
import { plain, safe, wholeLines } from './text.ts';

/** A message has room for one table, and for about 13,200 characters of blocks in all. */
const most = { rows: 12, cell: 90, lines: 1_800, text: 1_200, blocks: 9_500 } as const;

/** What people see beside a reason, as a message of its own: figures as a table, what differs word for word. */
export function renderExhibits(title: string, exhibits: readonly Exhibit[]): Message {
  return message(exhibitText(title, exhibits), [section(`🔎 *${safe(title)}*`), ...exhibitBlocks(exhibits)]);
}

/** The blocks alone, as many of them as fit; what does not is counted. */
export function exhibitBlocks(exhibits: readonly Exhibit[]): readonly Block[] {
  const blocks: Block[] = [];
  const [first] = exhibits.filter((one) => one.table);
  let room: number = most.blocks;
  let left = 0;
  for (const exhibit of exhibits) {
    const block = exhibit === first && exhibit.table ? tableBlock(exhibit.table) : linesBlock(exhibit);
    room -= JSON.stringify(block).length;
    if (room < 0) left += 1;
    else blocks.push(block);
  }
  return left > 0 ? [...blocks, section(`… ${left} more in the file`)] : blocks;
}

function tableBlock(rows: readonly (readonly string[])[]): types.TableBlock {
  const columns = Math.max(...rows.map((row) => row.length));
  const cells = (row: readonly string[]) =>
    Array.from({ length: columns }, (_, at): types.RawTextElement => ({ type: 'raw_text', text: plain(row[at] ?? '', most.cell) }));
  const numeric = Array.from({ length: columns }, (_, at) => rows.slice(1).every((row) => /^[\d,. ]*$/.test(row[at] ?? '')));
  return {
    type: 'table',
    rows: rows.slice(0, most.rows).map(cells),
    column_settings: numeric.map((right) => ({ align: right ? 'right' : 'left', is_wrapped: true })),
  };
}

/** Preformatted rich text: nothing in a value is markup or a mention. */
function linesBlock({ title, table, lines = [] }: Exhibit): types.RichTextBlock {
  const { text } = wholeLines([...(table ?? []).map((row) => row.join('  ')), ...lines], most.lines);
  return {
    type: 'rich_text',
    elements: [
      { type: 'rich_text_section', elements: [{ type: 'text', text: plain(title, 200), style: { bold: true } }] },
      ...(text === '' ? [] : [{ type: 'rich_text_preformatted' as const, elements: [{ type: 'text' as const, text }] }]),
    ],
  };
}

/** For the notification, a terminal and a Slack that refuses the blocks: the title and what differs. */
export function exhibitText(title: string, exhibits: readonly Exhibit[]): string {
  const lines = exhibits.flatMap((one) => [...(one.table ? [] : [one.title]), ...(one.lines ?? [])]);
  return [safe(title), wholeLines(lines.map(safe), most.text).text].filter((part) => part !== '').join('\n');
}
