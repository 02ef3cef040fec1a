import { boolean, byType, integer, list, may, must, number, oneOf, only, type Rule, record, string } from './rules.ts';

const style = may(record({ bold: may(boolean), italic: may(boolean), strike: may(boolean), code: may(boolean), underline: may(boolean) }));
const border = may(oneOf(0, 1));

const inline = byType(() => ({
  text: record({ type: must(string(20)), text: must(string(10_000)), style }),
  link: record({ type: must(string(20)), url: must(string(3000)), text: may(string(10_000)), unsafe: may(boolean), style }),
  emoji: record({ type: must(string(20)), name: must(string(100)), unicode: may(string(100)), url: may(string(3000)), style }),
  user: record({ type: must(string(20)), user_id: must(string(50)), style }),
  usergroup: record({ type: must(string(20)), usergroup_id: must(string(50)), style }),
  channel: record({ type: must(string(20)), channel_id: must(string(50)), style }),
  team: record({ type: must(string(20)), team_id: must(string(50)), style }),
  broadcast: record({ type: must(string(20)), range: must(oneOf('here', 'channel', 'everyone')), style }),
  color: record({ type: must(string(20)), value: must(string(20)), style }),
  date: record({
    type: must(string(20)),
    timestamp: must(number),
    format: must(string(200)),
    url: may(string(3000)),
    fallback: may(string(200)),
    style,
  }),
}));

const section = record({ type: must(string(30)), elements: must(list(inline, 0, 1000)) });

const part = byType(() => ({
  rich_text_section: section,
  rich_text_list: record({
    type: must(string(30)),
    elements: must(list(only(['rich_text_section'], section), 1, 1000)),
    style: must(oneOf('bullet', 'ordered')),
    indent: may(integer(0, 8)),
    offset: may(integer(0, 10_000)),
    border,
  }),
  rich_text_quote: record({ type: must(string(30)), elements: must(list(inline, 0, 1000)), border }),
  rich_text_preformatted: record({
    type: must(string(30)),
    elements: must(list(only(['text', 'link'], inline), 0, 1000)),
    border,
    language: may(string(50)),
  }),
}));

/** `rich_text` with everything in it (docs.slack.dev/reference/block-kit/blocks/rich-text-block). */
export const richText: Rule = record({
  type: must(oneOf('rich_text')),
  block_id: may(string(255)),
  elements: must(list(part, 1, 1000)),
});
