import type { Block } from './blocks.ts';

/** A message as a terminal shows it: no markup, mentions as ids, moments in UTC. */
export function plainText(message: string | readonly Block[]): string {
  if (typeof message === 'string') return unmark(message);
  return message
    .map((block) => unmark(textOf(block)))
    .filter((text) => text !== '')
    .join('\n');
}

function textOf(block: Block): string {
  switch (block.type) {
    case 'header':
      return `${block.text.text}\n`;
    case 'section':
      return [block.text?.text ?? '', ...(block.fields ?? []).map((field) => field.text.replace('\n', ': '))]
        .filter((text) => text !== '')
        .join('\n');
    case 'context':
      return block.elements.map((element) => ('text' in element ? element.text : '')).join(' ');
    case 'table':
      return aligned(block.rows.map((row) => row.map((cell) => ('text' in cell ? cell.text : ''))));
    case 'rich_text':
      return block.elements.flatMap((part) => ('elements' in part ? part.elements.map(wordOf) : [])).join('\n');
    case 'divider':
      return '―'.repeat(24);
    default:
      return '';
  }
}

function wordOf(part: object): string {
  return 'text' in part && typeof part.text === 'string' ? part.text : '';
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function unmark(text: string): string {
  return text
    .replace(/<!date\^\d+\^[^|>]*\|([^>]*)>/g, '$1')
    .replace(/<!subteam\^([A-Z0-9]+)>/g, '@$1')
    .replace(/<[@#]([A-Z0-9]+)>/g, '$1')
    .replace(/```\n?|`/g, '')
    .replace(/(^|[\s(])[*_]([^*_\n]+)[*_](?=$|[\s.,;:)—·])/gm, '$1$2')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
