import { renderBlock } from './blocks.js';
import { byId, el, human } from './dom.js';
import { valueOf } from './inputs.js';
import { emoji } from './mrkdwn.js';

/** Shows a view to the person who opened it. */
export function showView(view, me, people) {
  const dialog = byId('dialog');
  const { title, submit, close } = view.definition;
  const kept = dialog.dataset.view === view.id ? values(dialog) : {};
  const context = { people, act: (element, value, confirm) => human('clickInView', { user: me, view: view.id, action: element.action_id, value, confirm }) };
  const form = el('form', { method: 'dialog', onsubmit: (event) => send(event, view, me) },
    el('div', { className: 'body' }, view.blocks.map((block) => renderBlock(block, context))),
    el('div', { className: 'bar' }, el('button', { type: 'button', onclick: () => { void human('close', { user: me, view: view.id }); dialog.close(); } }, emoji(close?.text ?? (submit ? 'Cancel' : 'Close'))),
      submit && el('button', { className: 'primary', 'data-submit': 'yes' }, emoji(submit.text))));
  dialog.dataset.view = view.id;
  dialog.className = '';
  dialog.setAttribute('aria-label', title?.text ?? 'Dialog');
  dialog.replaceChildren(el('h3', {}, emoji(title?.text ?? '')), form);
  for (const node of dialog.querySelectorAll('[data-block]')) {
    const input = node.querySelector('input:not([type=radio]):not([type=checkbox]), textarea');
    if (input && typeof kept[node.dataset.block] === 'string') input.value = kept[node.dataset.block];
  }
  if (!dialog.open) dialog.showModal();
  (dialog.querySelector('[autofocus]') ?? dialog.querySelector('.field input, .field textarea, .field select'))?.focus();
}

function values(dialog) {
  return Object.fromEntries([...dialog.querySelectorAll('[data-block]')].map((node) => [node.dataset.block, valueOf(node)]));
}

async function send(event, view, me) {
  event.preventDefault();
  const dialog = byId('dialog');
  const submit = dialog.querySelector('[data-submit]');
  submit.disabled = true;
  const result = await human('submit', { user: me, view: view.id, values: values(dialog) });
  submit.disabled = false;
  const errors = result?.ok === false ? result.errors : result?.payload?.errors;
  for (const node of dialog.querySelectorAll('[data-block] .error')) node.textContent = '';
  for (const [id, text] of Object.entries(errors ?? {})) {
    const node = [...dialog.querySelectorAll('[data-block]')].find((one) => one.dataset.block === id);
    if (node) node.querySelector('.error').textContent = text;
  }
  dialog.querySelector('.error:not(:empty)')?.parentElement.querySelector('input, textarea, select')?.focus();
}

export function hideView(id) {
  const dialog = byId('dialog');
  if (dialog.dataset.view === id || id === undefined) {
    delete dialog.dataset.view;
    dialog.close();
  }
}
