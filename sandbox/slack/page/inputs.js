import { el, safeUrl } from './dom.js';
import { emoji, words } from './mrkdwn.js';

/** Asks what a `confirm` object says, then goes on. */
function asking(confirm, go) {
  if (!confirm) return go(undefined);
  const dialog = el('dialog', { className: 'confirm', 'aria-label': confirm.title?.text ?? 'Are you sure?' });
  const end = (yes) => { dialog.close(); dialog.remove(); if (yes) go(true); };
  const style = confirm.style ?? 'primary';
  dialog.append(el('h3', {}, emoji(confirm.title?.text ?? 'Are you sure?')), el('div', { className: 'body' }, words(confirm.text)),
    el('div', { className: 'bar' }, el('button', { type: 'button', onclick: () => end(false) }, emoji(confirm.deny?.text ?? 'Cancel')), el('button', { type: 'button', className: style, 'data-confirm': 'yes', autofocus: true, onclick: () => end(true) }, emoji(confirm.confirm?.text ?? 'Yes'))));
  document.body.append(dialog);
  dialog.addEventListener('cancel', () => end(false));
  dialog.showModal();
  return undefined;
}

function button(element, context) {
  const node = el('button', { type: 'button', className: element.style ?? '', 'data-action': element.action_id, 'data-value': element.value, 'aria-label': element.accessibility_label, disabled: context.disabled },
    emoji(element.text.text));
  node.addEventListener('click', () => asking(element.confirm, async (confirm) => {
    if (element.url) open(safeUrl(element.url), '_blank', 'noreferrer');
    node.setAttribute('aria-busy', 'true');
    await context.act(element, element.value, confirm);
    node.removeAttribute('aria-busy');
  }));
  return node;
}

function options(element) {
  return [...(element.options ?? []), ...(element.option_groups ?? []).flatMap((group) => group.options)];
}

function select(element, context, list, several) {
  const initial = [element.initial_option?.value, element.initial_user, ...(element.initial_options ?? []).map((one) => one.value)];
  const node = el('select', { 'data-action': element.action_id, multiple: several, 'aria-label': element.placeholder?.text ?? 'Choose' },
    several ? null : el('option', { value: '' }, element.type === 'overflow' ? '⋯' : emoji(element.placeholder?.text ?? 'Choose…')),
    list.map((one) => el('option', { value: one.value, selected: initial.includes(one.value) }, emoji(one.text.text))));
  if (context.act) node.addEventListener('change', () => node.value && asking(element.confirm, (confirm) => context.act(element, node.value, confirm)));
  return node;
}

function choices(element, context, type) {
  const chosen = [element.initial_option?.value, ...(element.initial_options ?? []).map((one) => one.value)];
  const name = `${element.action_id}-${Math.random()}`;
  return el('fieldset', { 'data-action': element.action_id }, element.options.map((one) => el('label', {},
    el('input', { type, name, value: one.value, checked: chosen.includes(one.value), onchange: () => context.act?.(element, one.value) }), ' ', words(one.text), one.description && el('small', { className: 'muted' }, ' ', words(one.description)))));
}

function typed(element, type, initial) {
  const common = { 'data-action': element.action_id, placeholder: element.placeholder?.text, maxlength: element.max_length, autofocus: element.focus_on_load };
  return element.multiline ? el('textarea', { ...common, rows: 4 }, initial ?? '') : el('input', { ...common, type, value: initial, autocomplete: 'off' });
}

/** Anything a person can press, choose or type into. */
export function control(element, context) {
  const people = () => context.people.map((user) => ({ value: user.id, text: { text: user.name } }));
  switch (element.type) {
    case 'button': return button(element, context);
    case 'overflow':
    case 'static_select': return select(element, context, options(element), false);
    case 'multi_static_select': return select(element, context, options(element), true);
    case 'users_select': return select(element, context, people(), false);
    case 'multi_users_select': return select(element, context, people(), true);
    case 'radio_buttons': return choices(element, context, 'radio');
    case 'checkboxes': return choices(element, context, 'checkbox');
    case 'datepicker': return typed(element, 'date', element.initial_date);
    case 'timepicker': return typed(element, 'time', element.initial_time);
    case 'datetimepicker': return typed(element, 'datetime-local', element.initial_date_time && new Date(element.initial_date_time * 1000).toISOString().slice(0, 16));
    case 'number_input': return typed(element, 'number', element.initial_value);
    case 'email_text_input': return typed(element, 'email', element.initial_value);
    case 'url_text_input': return typed(element, 'url', element.initial_value);
    case 'plain_text_input': return typed(element, 'text', element.initial_value);
    default: return el('span', { className: 'unknown' }, `unknown element: ${element.type}`);
  }
}

let fields = 0;
/** An input block: label, control, hint, and the place for its error. */
export function field(block, context) {
  const node = control(block.element, { ...context, act: undefined });
  const id = `field-${++fields}`;
  node.id = id;
  node.setAttribute('aria-describedby', `${id}-error ${id}-hint`);
  return el('div', { className: 'field', 'data-block': block.block_id },
    el('label', { for: id }, words(block.label), block.optional ? el('small', {}, ' (optional)') : null), node,
    block.hint && el('div', { className: 'muted', id: `${id}-hint` }, words(block.hint)), el('div', { className: 'error', id: `${id}-error`, role: 'alert' }));
}

/** What stands in a field now. */
export function valueOf(node) {
  const set = node.querySelector('fieldset');
  if (set) {
    const chosen = [...set.querySelectorAll('input:checked')].map((one) => one.value);
    return set.querySelector('input[type=radio]') ? (chosen[0] ?? null) : chosen;
  }
  const input = node.querySelector('input, textarea, select');
  if (input.multiple) return [...input.selectedOptions].map((one) => one.value);
  if (input.type === 'datetime-local') return input.value ? String(Math.floor(new Date(input.value).getTime() / 1000)) : null;
  return input.value || null;
}
