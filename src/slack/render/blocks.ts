import type { types } from '@slack/bolt';
import { codeBlock, cut, plain, wholeLines } from './text.ts';

export type Block = types.KnownBlock;
/** What is sent: `text` is a full sentence (notification, screen readers), `blocks` what is seen. */
export interface Message {
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** Below Slack's own limits (50 blocks; about 13,200 characters of blocks, undocumented): room for what Slack adds. */
const most = { blocks: 45, characters: 11_500, section: 2_900, field: 400, context: 700, text: 3_500 } as const;

export function header(text: string): Block {
  return { type: 'header', text: { type: 'plain_text', text: plain(text, 150), emoji: true } };
}
/** Lines of mrkdwn, cut by whole lines. */
export function section(...lines: readonly string[]): Block {
  return { type: 'section', text: { type: 'mrkdwn', text: wholeLines(lines, most.section).text || '–' } };
}
/** Would a section leave a part of these lines out? Then people get them as a file too. */
export function isCut(lines: readonly string[]): boolean {
  return wholeLines(lines, most.section).text !== lines.join('\n');
}
/** SQL and patches, word for word. */
export function codeSection(lines: readonly string[], max: number = most.section): Block {
  return { type: 'section', text: { type: 'mrkdwn', text: codeBlock(lines, Math.min(max, most.section)).text } };
}
export function fields(...texts: readonly string[]): Block {
  return { type: 'section', fields: texts.slice(0, 10).map((text) => ({ type: 'mrkdwn', text: cut(text, most.field) || '–' })) };
}
export function context(...texts: readonly string[]): Block {
  return { type: 'context', elements: texts.slice(0, 10).map((text) => ({ type: 'mrkdwn', text: cut(text, most.context) || '–' })) };
}
export function divider(): Block {
  return { type: 'divider' };
}
export function actions(buttons: readonly types.Button[]): readonly Block[] {
  return buttons.length ? [{ type: 'actions', elements: buttons.slice(0, 25) }] : [];
}

export interface ButtonRequest {
  /** `gate:approve` */
  readonly id: string;
  readonly label: string;
  /** Ids only, joined by `:`; the truth is in the log. */
  readonly value: string;
  readonly style?: 'primary' | 'danger';
  readonly confirm?: { readonly title: string; readonly text: string; readonly yes: string };
}
export function button(request: ButtonRequest): types.Button {
  const { confirm } = request;
  return {
    type: 'button',
    action_id: request.id,
    text: { type: 'plain_text', text: plain(request.label, 75), emoji: true },
    value: request.value,
    ...(request.style ? { style: request.style } : {}),
    ...(confirm
      ? {
          confirm: {
            title: { type: 'plain_text', text: plain(confirm.title, 100) },
            text: { type: 'mrkdwn', text: cut(confirm.text, 300) },
            confirm: { type: 'plain_text', text: plain(confirm.yes, 30) },
            deny: { type: 'plain_text', text: 'Back' },
          },
        }
      : {}),
  };
}

function shorter(block: Block): Block {
  if (block.type !== 'section' || !block.text) return block;
  return { ...block, text: { ...block.text, text: shortText(block.text.text) } };
}
function shortText(text: string): string {
  const fenced = text.startsWith('```\n');
  const lines = (fenced ? text.slice(4, -4) : text).split('\n');
  const half = Math.max(60, Math.floor(text.length / 2));
  const kept = wholeLines(lines, half).text;
  return fenced ? `\`\`\`\n${kept}\n\`\`\`` : kept;
}

/** The whole message within its limits: the longest section is halved by whole lines until it fits. Renderers call it last. */
export function message(text: string, blocks: readonly Block[]): Message {
  let fitted = [...blocks];
  if (fitted.length > most.blocks) {
    const left = fitted.length - most.blocks + 1;
    fitted = [...fitted.slice(0, most.blocks - 4), context(`… ${left} more parts in the file`), ...fitted.slice(-3)];
  }
  for (let tries = 0; JSON.stringify(fitted).length > most.characters && tries < 60; tries += 1) {
    const lengths = fitted.map((block) => (block.type === 'section' && block.text ? block.text.text.length : 0));
    const longest = lengths.indexOf(Math.max(...lengths));
    fitted = fitted.map((block, index) => (index === longest ? shorter(block) : block));
  }
  return { text: cut(text, most.text), blocks: fitted };
}
