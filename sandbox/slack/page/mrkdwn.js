import { el, safeUrl } from './dom.js';

const EMOJI = {
  hourglass_flowing_sand: '⏳', hourglass: '⌛', white_check_mark: '✅', heavy_check_mark: '✔️', ballot_box_with_check: '☑️', arrow_forward: '▶️', double_vertical_bar: '⏸', pause_button: '⏸️',
  x: '❌', warning: '⚠️', rocket: '🚀', lock: '🔒', unlock: '🔓', tada: '🎉', rotating_light: '🚨', no_entry: '⛔', no_entry_sign: '🚫', octagonal_sign: '🛑', elephant: '🐘', eyes: '👀',
  mag: '🔍', mag_right: '🔎', clipboard: '📋', paperclip: '📎', bar_chart: '📊', chart_with_upwards_trend: '📈', gear: '⚙️', wrench: '🔧', hammer_and_wrench: '🛠', information_source: 'ℹ️', bulb: '💡',
  bell: '🔔', zzz: '💤', clock1: '🕐', stopwatch: '⏱', timer_clock: '⏲', repeat: '🔁', arrows_counterclockwise: '🔄', leftwards_arrow_with_hook: '↩️', fast_forward: '⏩', checkered_flag: '🏁', white_circle: '⚪',
  large_green_circle: '🟢', large_yellow_circle: '🟡', large_red_circle: '🔴', large_blue_circle: '🔵', small_blue_diamond: '🔹', point_right: '👉', raised_hand: '✋', speech_balloon: '💬', memo: '📝', pushpin: '📌',
  round_pushpin: '📍', floppy_disk: '💾', package: '📦', broom: '🧹', sos: '🆘', fire: '🔥', heavy_minus_sign: '➖', heavy_plus_sign: '➕', black_square_for_stop: '⏹', thumbsup: '👍', '+1': '👍', thumbsdown: '👎', '-1': '👎',
};

let workspace = { users: [], channels: [], usergroups: [], bot: {} };
export function setWorkspace(given) {
  workspace = given;
}
export function nameOf(id) {
  if (id === workspace.bot.user) return workspace.bot.name;
  if (id === 'USLACKBOT') return 'Slackbot';
  return workspace.users.find((user) => user.id === id)?.name ?? id;
}
export function emoji(text) {
  return String(text).replace(/:([a-z0-9_+-]+):/g, (all, name) => EMOJI[name] ?? all);
}
function unescape(text) {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}

const pad = (number) => String(number).padStart(2, '0');
/** Slack's date tokens, in the reader's own time zone. */
export function date(seconds, format) {
  const at = new Date(seconds * 1000);
  const today = new Date().toDateString() === at.toDateString();
  const short = today ? 'today' : at.toLocaleDateString(undefined, { month: 'short', day: 'numeric' });
  const ago = Math.max(0, Math.round(Date.now() / 1000 - seconds));
  const tokens = {
    time: `${pad(at.getHours())}:${pad(at.getMinutes())}`,
    time_secs: at.toTimeString().slice(0, 8),
    date: at.toLocaleDateString(undefined, { dateStyle: 'long' }),
    date_num: at.toISOString().slice(0, 10),
    date_short: at.toLocaleDateString(undefined, { dateStyle: 'medium' }),
    date_short_pretty: short,
    date_pretty: short,
    date_long: at.toLocaleDateString(undefined, { dateStyle: 'full' }),
    date_long_pretty: short,
    ago: ago < 60 ? `${ago} seconds ago` : `${Math.round(ago / 60)} minutes ago`,
  };
  return format.replace(/\{(\w+)\}/g, (all, token) => tokens[token] ?? all);
}

export function mention(id, sign = '@') {
  const name = sign === '#' ? workspace.channels.find((one) => one.id === id)?.name : (workspace.usergroups.find((one) => one.id === id)?.handle ?? nameOf(id));
  return el('span', { className: 'mention' }, sign + (name ?? id));
}

function angled(inner) {
  const bar = inner.indexOf('|');
  const target = bar < 0 ? inner : inner.slice(0, bar);
  const label = bar < 0 ? undefined : unescape(inner.slice(bar + 1));
  if (target.startsWith('@')) return mention(target.slice(1));
  if (target.startsWith('#')) return mention(target.slice(1), '#');
  if (target.startsWith('!subteam^')) return mention(target.slice('!subteam^'.length));
  if (target.startsWith('!date^')) {
    const [, seconds, format] = target.split('^');
    return el('time', { title: label }, date(Number(seconds), format));
  }
  if (target.startsWith('!')) return el('span', { className: 'mention loud' }, `@${target.slice(1)}`);
  return el('a', { href: safeUrl(unescape(target)), target: '_blank', rel: 'noreferrer' }, label ?? unescape(target));
}

const TOKENS =
  /```([\s\S]+?)```|`([^`\n]+)`|<([^<>]+)>|(?<![\w*])\*(?=\S)([^*\n]*[^*\s])\*(?![\w*])|(?<!\w)_(?=\S)([^_\n]*[^_\s])_(?!\w)|(?<![\w~])~(?=\S)([^~\n]*[^~\s])~(?![\w~])|(?:^|(?<=\n))(?:&gt;|>) ?([^\n]*)\n?|\n/g;

/** Slack's mrkdwn as nodes. */
export function mrkdwn(text) {
  const nodes = [];
  let from = 0;
  for (const match of String(text).matchAll(TOKENS)) {
    nodes.push(emoji(unescape(text.slice(from, match.index))));
    from = match.index + match[0].length;
    const [, block, code, angle, bold, italic, struck, quote] = match;
    if (block !== undefined) nodes.push(el('pre', { tabindex: 0 }, unescape(block.replace(/^\n/, ''))));
    else if (code !== undefined) nodes.push(el('code', {}, unescape(code)));
    else if (angle !== undefined) nodes.push(angled(angle));
    else if (bold !== undefined) nodes.push(el('b', {}, mrkdwn(bold)));
    else if (italic !== undefined) nodes.push(el('i', {}, mrkdwn(italic)));
    else if (struck !== undefined) nodes.push(el('s', {}, mrkdwn(struck)));
    else if (quote !== undefined) nodes.push(el('blockquote', {}, mrkdwn(quote)));
    else nodes.push(el('br'));
  }
  nodes.push(emoji(unescape(String(text).slice(from))));
  return nodes.filter((node) => node !== '');
}

/** A text object: plain texts are not read as mrkdwn. */
export function words(object) {
  if (!object) return [];
  return object.type === 'mrkdwn' ? mrkdwn(object.text) : [emoji(object.text)];
}
