import { chart } from './chart.js';
import { byId, el, safeUrl } from './dom.js';
import { control, field } from './inputs.js';
import { mrkdwn, words } from './mrkdwn.js';
import { rich } from './rich.js';

function image(block) {
  const source = block.image_url ?? block.slack_file?.url;
  return el('figure', {}, source ? el('img', { src: safeUrl(source), alt: block.alt_text }) : el('em', {}, block.alt_text), block.title && el('figcaption', {}, words(block.title)));
}

function cell(one) {
  if (one.type === 'rich_text') return one.elements.map(rich);
  return [String(one.text ?? one.value)];
}

function table(block) {
  const align = (index) => block.column_settings?.[index]?.align ?? (block.rows[1]?.[index]?.type === 'raw_number' ? 'right' : 'left');
  const row = (cells, tag) => el('tr', {}, cells.map((one, index) => el(tag, { style: `text-align:${align(index)}` }, cell(one))));
  return el('div', { className: 'scroll', tabindex: 0 },
    el('table', {}, block.caption && el('caption', {}, block.caption), el('thead', {}, row(block.rows[0], 'th')), el('tbody', {}, block.rows.slice(1).map((cells) => row(cells, 'td')))));
}

const STATUS = { pending: '⚪', in_progress: '🔄', complete: '✅', error: '❌' };
function task(block) {
  return el('div', { className: 'task' }, el('b', {}, `${STATUS[block.status] ?? block.status} ${block.title}`), block.details?.elements.map(rich), block.output?.elements.map(rich));
}

function card(block, context) {
  return el('div', { className: 'card' }, block.title && el('b', {}, words(block.title)), block.subtitle && el('div', { className: 'muted' }, words(block.subtitle)), block.body && el('div', {}, words(block.body)),
    block.actions && el('div', { className: 'actions' }, block.actions.map((one) => control(one, context))));
}

function container(block, context) {
  const title = block.title ? words(block.title) : (block.rich_text_title?.elements.map(rich) ?? ['Details']);
  const inside = block.child_blocks.map((child) => renderBlock(child, context));
  const subtitle = block.subtitle && el('div', { className: 'muted' }, words(block.subtitle));
  if (!block.is_collapsible) return el('div', { className: 'container' }, el('b', {}, title), subtitle, inside);
  return el('details', { className: 'container', open: !block.default_collapsed }, el('summary', {}, title, subtitle), inside);
}

/** Standard Markdown, as far as a reader needs it: headings, lists, code and what mrkdwn has. */
function markdown(block) {
  const converted = block.text.replace(/\*\*(.+?)\*\*/g, '*$1*').replace(/^#{1,6} (.+)$/gm, '*$1*').replace(/^[-*] /gm, '• ').replace(/\[([^\]]+)\]\(([^)\s]+)\)/g, '<$2|$1>');
  return el('div', { className: 'section' }, mrkdwn(converted));
}

const RENDER = {
  header: (block) => el('h3', {}, words(block.text)),
  divider: () => el('hr'),
  section: (block, context) => el('div', { className: 'section' },
    el('div', {}, block.text && el('div', { className: 'text' }, words(block.text)), block.fields && el('div', { className: 'fields' }, block.fields.map((one) => el('div', {}, words(one))))),
    block.accessory && (block.accessory.type === 'image' ? image(block.accessory) : control(block.accessory, context))),
  context: (block) => el('div', { className: 'context' }, block.elements.map((one) => (one.type === 'image' ? image(one) : el('span', {}, words(one))))),
  actions: (block, context) => el('div', { className: 'actions' }, block.elements.map((one) => control(one, context))),
  image,
  rich_text: (block) => el('div', { className: 'section rich' }, block.elements.map(rich)),
  markdown,
  table,
  data_table: table,
  container,
  card,
  carousel: (block, context) => el('div', { className: 'carousel' }, block.elements.map((one) => card(one, context))),
  alert: (block) => el('div', { className: `alert ${block.level ?? 'default'}`, role: 'note' }, words(block.text)),
  task_card: task,
  plan: (block) => el('div', { className: 'container' }, el('b', {}, block.title), (block.tasks ?? []).map(task)),
  input: (block, context) => field(block, context),
  data_visualization: chart,
};

/** One block as nodes; `context.act(element, value)` is called when a person uses something in it. */
export function renderBlock(block, context) {
  const render = Object.hasOwn(RENDER, block.type) ? RENDER[block.type] : undefined;
  try {
    if (render) return render(block, context);
  } catch (error) {
    return el('div', { className: 'unknown' }, `this ${block.type} block cannot be shown: ${error.message}`);
  }
  return el('div', { className: 'unknown' }, `unknown block type: ${block.type}`, el('pre', {}, JSON.stringify(block, null, 1)));
}

/** Shows a file in place: nothing in it can run. */
export function showFile(file) {
  const dialog = byId('dialog');
  delete dialog.dataset.view;
  dialog.className = 'wide';
  dialog.setAttribute('aria-label', file.name);
  dialog.replaceChildren(el('h3', {}, `📄 ${file.title}`), el('iframe', { src: new URL(file.url_private).pathname, sandbox: '', title: file.name }),
    el('div', { className: 'bar' }, el('a', { href: new URL(file.url_private).pathname, target: '_blank' }, 'Open in a tab'), el('button', { type: 'button', onclick: () => dialog.close() }, 'Close')));
  dialog.showModal();
}
