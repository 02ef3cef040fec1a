import { el, safeUrl } from './dom.js';
import { date, emoji, mention } from './mrkdwn.js';

function styled(node, style = {}) {
  let inner = node;
  for (const [name, tag] of [['bold', 'b'], ['italic', 'i'], ['strike', 's'], ['code', 'code'], ['underline', 'u']]) if (style[name]) inner = el(tag, {}, inner);
  return inner;
}

const inline = {
  text: (one) => styled(one.text, one.style),
  emoji: (one) => emoji(`:${one.name}:`),
  user: (one) => mention(one.user_id),
  usergroup: (one) => mention(one.usergroup_id),
  channel: (one) => mention(one.channel_id, '#'),
  broadcast: (one) => el('span', { className: 'mention loud' }, `@${one.range}`),
  link: (one) => styled(el('a', { href: safeUrl(one.url), target: '_blank', rel: 'noreferrer' }, one.text ?? one.url), one.style),
  date: (one) => el('time', { title: one.fallback }, date(one.timestamp, one.format)),
  color: (one) => el('code', {}, one.value),
};
const parts = {
  rich_text_section: (one) => el('div', {}, one.elements.map(rich)),
  rich_text_list: (one) => el(one.style === 'ordered' ? 'ol' : 'ul', { style: `margin-left:${(one.indent ?? 0) * 22}px` }, one.elements.map((item) => el('li', {}, rich(item)))),
  rich_text_preformatted: (one) => el('pre', { tabindex: 0 }, one.elements.map(rich)),
  rich_text_quote: (one) => el('blockquote', {}, one.elements.map(rich)),
};

/** A part of a rich_text block; what is unknown is shown loudly. */
export function rich(one) {
  const render = inline[one.type] ?? parts[one.type];
  return render ? render(one) : el('span', { className: 'unknown' }, `unknown rich text: ${one.type}`);
}
