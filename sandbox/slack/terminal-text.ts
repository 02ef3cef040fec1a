import { isObject, items, object, text } from './json.ts';
import type { Json, Message } from './types.ts';

/** Who and what ids in messages mean, as `/_workspace` gives it. */
export interface Names {
  readonly users: readonly { readonly id: string; readonly name: string }[];
  readonly channels: readonly { readonly id: string; readonly name: string }[];
  readonly usergroups: readonly { readonly id: string; readonly handle: string }[];
  readonly bot: { readonly user: string; readonly name: string };
}

export function nameOf(names: Names, id: string): string {
  if (id === names.bot.user) return names.bot.name;
  if (id === 'USLACKBOT') return 'slackbot';
  return names.users.find((user) => user.id === id)?.name ?? id;
}

function angled(names: Names, inner: string): string {
  const bar = inner.indexOf('|');
  const target = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? '' : inner.slice(bar + 1);
  if (target.startsWith('@')) return `@${nameOf(names, target.slice(1))}`;
  if (target.startsWith('#')) return `#${names.channels.find((one) => one.id === target.slice(1))?.name ?? label}`;
  if (target.startsWith('!subteam^')) {
    const id = target.slice('!subteam^'.length);
    return `@${names.usergroups.find((one) => one.id === id)?.handle ?? label}`;
  }
  if (target.startsWith('!')) return label || `@${target.slice(1)}`;
  return label ? `${label} (${target})` : target;
}

/** mrkdwn without its signs: what stands between backticks stays word for word. */
export function plain(names: Names, said: string): string {
  return said
    .split(/(```[\s\S]*?```|`[^`\n]*`)/)
    .map((part, index) => {
      if (index % 2 === 1) return part.replace(/^`+\n?|\n?`+$/g, '');
      return part
        .replace(/<([^<>]+)>/g, (_all, inner: string) => angled(names, inner))
        .replace(/(?<!\w)([*_~])(?=\S)([^\n]*?\S)\1(?!\w)/g, '$2');
    })
    .join('')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

function said(names: Names, value: Json, key: string): string {
  const found = object(value, key);
  return found['type'] === 'mrkdwn' ? plain(names, text(found, 'text')) : text(found, 'text');
}

/** `[Approve](gate:approve)`: what is shown, and the id to press it by. */
function pressable(element: Json): string {
  const label = text(object(element, 'text'), 'text') || text(object(element, 'placeholder'), 'text') || text(element, 'type');
  const choices = items(element['options']).filter(isObject);
  const values = choices.length > 0 ? ` {${choices.map((one) => text(one, 'value')).join('|')}}` : '';
  return `[${label}](${text(element, 'action_id')}${values})`;
}

function rich(names: Names, part: Json): string {
  const inner = items(part['elements']).filter(isObject);
  switch (part['type']) {
    case 'rich_text_list':
      return inner.map((one, index) => `${part['style'] === 'ordered' ? `${index + 1}.` : '•'} ${rich(names, one)}`).join('\n');
    case 'user':
      return `@${nameOf(names, text(part, 'user_id'))}`;
    case 'usergroup':
      return angled(names, `!subteam^${text(part, 'usergroup_id')}`);
    case 'emoji':
      return `:${text(part, 'name')}:`;
    case 'date':
      return text(part, 'fallback') || new Date(Number(part['timestamp']) * 1000).toISOString();
    default:
      return inner.length > 0 ? inner.map((one) => rich(names, one)).join('') : text(part, 'text') || text(part, 'url');
  }
}

function cell(names: Names, one: unknown): string {
  if (!isObject(one)) return '';
  return one['type'] === 'rich_text'
    ? items(one['elements'])
        .filter(isObject)
        .map((part) => rich(names, part))
        .join(' ')
    : text(one, 'text');
}

function table(names: Names, block: Json): string {
  const rows = items(block['rows']).map((row) => items(row).map((one) => cell(names, one)));
  const widths = (rows[0] ?? []).map((_head, column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)));
  const settings = items(block['column_settings']);
  const right = (column: number) => isObject(settings[column]) && settings[column]['align'] === 'right';
  return rows
    .map((row) =>
      row
        .map((one, column) => (right(column) ? one.padStart(widths[column] ?? 0) : one.padEnd(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function blockText(names: Names, block: Json): string {
  const inner = items(block['elements']).filter(isObject);
  switch (block['type']) {
    case 'header':
      return `== ${said(names, block, 'text')} ==`;
    case 'divider':
      return '──────────';
    case 'section': {
      const fields = items(block['fields'])
        .filter(isObject)
        .map((field) => plain(names, text(field, 'text')).replace(/\n/, ': '));
      const accessory = isObject(block['accessory']) && block['accessory']['type'] !== 'image' ? [pressable(block['accessory'])] : [];
      return [said(names, block, 'text'), ...fields, ...accessory].filter(Boolean).join('\n');
    }
    case 'context':
      return inner.map((one) => (one['type'] === 'image' ? text(one, 'alt_text') : plain(names, text(one, 'text')))).join(' · ');
    case 'actions':
      return inner.map(pressable).join(' ');
    case 'rich_text':
      return inner.map((part) => rich(names, part)).join('\n');
    case 'table':
    case 'data_table':
      return [text(block, 'caption'), table(names, block)].filter(Boolean).join('\n');
    case 'container':
      return [
        said(names, block, 'title'),
        ...items(block['child_blocks'])
          .filter(isObject)
          .map((one) => `  ${blockText(names, one)}`),
      ].join('\n');
    case 'markdown':
      return text(block, 'text');
    case 'alert':
      return `⚠ ${said(names, block, 'text')}`;
    case 'input':
      return `${said(names, block, 'label')}: ${pressable(object(block, 'element'))} <${text(block, 'block_id')}>`;
    case 'data_visualization':
      return chartText(block);
    case 'image':
      return `(${text(block, 'alt_text')})`;
    default:
      return `(a block of type ${text(block, 'type')})`;
  }
}

function chartText(block: Json): string {
  const series = items(object(block, 'chart')['series']).filter(isObject);
  const lines = series.map(
    (one) =>
      `${text(one, 'name')}: ${items(one['data'])
        .filter(isObject)
        .map((point) => point['value'])
        .join(' ')}`,
  );
  return [text(block, 'title'), ...lines].join('\n');
}

/** Blocks (of a message or of a modal) as plain lines. */
export function blocksText(names: Names, blocks: readonly Json[]): string {
  return blocks.map((block) => blockText(names, block)).join('\n');
}

/** A message as the terminal shows it: who, what, and the buttons with the ids to press them by. */
export function messageText(names: Names, message: Message): string {
  const body = message.blocks.length > 0 ? blocksText(names, message.blocks) : plain(names, message.text);
  const files = message.files.map((file) => `📄 ${file.title} ${file.url_private}`);
  const only = message.ephemeral ? ` (only ${nameOf(names, message.ephemeral)} sees this)` : '';
  const lines = [...(only ? [only.trim()] : []), ...(body ? body.split('\n') : []), ...files];
  const author = nameOf(names, message.user).padEnd(8);
  const indent = message.threadTs && message.threadTs !== message.ts ? '↳ ' : '';
  return lines.map((line, index) => `${index === 0 ? author : ' '.repeat(author.length)} │ ${indent}${line}`).join('\n');
}
