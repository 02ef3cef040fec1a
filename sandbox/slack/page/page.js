import { renderBlock, showFile } from './blocks.js';
import { drawCoach } from './coach.js';
import { byId, el, human, toast } from './dom.js';
import { hideView, showView } from './modal.js';
import { mrkdwn, nameOf, setWorkspace } from './mrkdwn.js';
import { followWorld } from './world.js';

const workspace = await (await fetch('/_workspace')).json();
setWorkspace(workspace);
const channel = workspace.channels[0];
let messages = [];
let notifications = [];
let views = [];
let thread;
let me = new URLSearchParams(location.search).get('as') ?? sessionStorage.getItem('me') ?? workspace.users[0].id;

/** Text without markup, with people's names: what a telephone shows. */
const spoken = (text) => el('span', {}, mrkdwn(text)).textContent;
const direct = () => `D${me.slice(1)}`;
const visible = (message) => (message.channel === channel.id || message.channel === direct()) && (!message.ephemeral || message.ephemeral === me);
const inChannel = (message) => !message.threadTs || message.threadTs === message.ts || message.broadcast;
const time = (message) => new Date(Number(message.ts.split('.')[0]) * 1000).toTimeString().slice(0, 5);

/** A live message that nobody pinned: the bot's own, with a heading, edited since. */
const isBoard = (message) => message.user === workspace.bot.user && !message.threadTs && !message.ephemeral && message.edited && message.blocks[0]?.type === 'header';

/** One message as nodes; buttons act as the person that the page is. */
function show(message, place) {
  const context = { people: workspace.users, act: (element, value, confirm) => human('click', { user: me, ts: message.ts, action: element.action_id, value, confirm }) };
  const name = nameOf(message.user);
  const replies = messages.filter((one) => one.threadTs === message.ts && one.ts !== message.ts && visible(one));
  return el('article', { className: `message${message.ephemeral ? ' ephemeral' : ''}`, 'data-ts': message.ts, 'aria-label': `${name}: ${message.text}` },
    el('span', { className: `avatar ${message.user}`, 'aria-hidden': 'true' }, message.user === workspace.bot.user ? '🐘' : name[0].toUpperCase()),
    el('div', { className: 'content' },
      el('div', { className: 'meta' }, el('b', {}, name), message.user === workspace.bot.user ? el('span', { className: 'app' }, 'APP') : null, el('time', {}, time(message)), message.edited ? el('span', {}, '(edited)') : null,
        message.channel !== channel.id ? el('span', {}, 'direct message') : null, message.ephemeral ? el('span', { className: 'only' }, `👁 only ${nameOf(message.ephemeral)} sees this`) : null),
      message.broadcast && place === 'channel' ? el('button', { type: 'button', className: 'link', onclick: () => openThread(message.threadTs) }, '↳ replied to a thread') : null,
      message.blocks.length > 0 ? message.blocks.map((block) => renderBlock(block, context)) : el('div', { className: 'section' }, el('div', { className: 'text' }, mrkdwn(message.text))),
      message.files.map((file) => el('button', { type: 'button', className: 'file', onclick: () => showFile(file) }, el('span', {}, `📄 ${file.title}`), el('small', {}, `${file.mimetype.split('/')[1]} · ${file.size.toLocaleString()} bytes`))),
      replies.length > 0 && place !== 'thread' ? el('button', { type: 'button', className: 'link replies', onclick: () => openThread(message.ts) }, `💬 ${replies.length} ${replies.length === 1 ? 'reply' : 'replies'} · last ${time(replies.at(-1))}`) : null));
}

/** Replaces what changed and leaves the rest alone, so that focus and scrolling stay where they are. */
function fill(node, wanted, place) {
  const atEnd = place !== 'board' && node.scrollHeight - node.scrollTop - node.clientHeight < 80;
  const old = new Map([...node.children].map((child) => [child.dataset.ts, child]));
  const children = wanted.map((message) => {
    const replies = messages.filter((one) => one.threadTs === message.ts).length;
    const key = `${me} ${JSON.stringify(message)} ${replies}`;
    const known = old.get(message.ts);
    if (known?.key === key) return known;
    const fresh = show(message, place);
    fresh.key = key;
    if (known && message.edited) fresh.classList.add('edited');
    return fresh;
  });
  const same = children.length === node.children.length && children.every((child, index) => node.children[index] === child);
  if (!same) {
    const focused = document.activeElement?.closest('[data-ts]')?.dataset.ts;
    const action = document.activeElement?.dataset.action;
    node.replaceChildren(...children);
    if (focused && action) node.querySelector(`[data-ts="${focused}"] [data-action="${CSS.escape(action)}"]`)?.focus();
  }
  if (atEnd) node.scrollTop = node.scrollHeight;
}

function draw() {
  const seen = messages.filter(visible);
  const pinned = seen.findLast((message) => message.pinned) ?? seen.findLast(isBoard);
  byId('board').hidden = !pinned;
  fill(byId('board-body'), pinned ? [pinned] : [], 'board');
  fill(byId('log'), seen.filter((message) => inChannel(message) && message !== pinned), 'channel');
  byId('thread').hidden = !thread;
  document.body.classList.toggle('with-thread', Boolean(thread));
  if (thread) fill(byId('thread-log'), seen.filter((message) => message.ts === thread || message.threadTs === thread), 'thread');
  const mine = notifications.filter((one) => one.to === me);
  byId('bell-count').textContent = `🔔 ${mine.length}`;
  byId('bell-count').setAttribute('aria-label', `${mine.length} notifications for ${nameOf(me)}`);
  byId('bell-list').replaceChildren(...(mine.length === 0 ? [el('li', {}, 'Nothing mentioned you yet.')] : mine.slice(-8).reverse().map((one) => el('li', {}, spoken(one.text)))));
  // The prefilled line is for the very first visit.
  if (seen.some((message) => message.user === workspace.bot.user) && byId('line').value === byId('line').defaultValue) byId('line').value = '';
  drawCoach({ me, messages: seen, workspace, become, approve });
  for (const view of views) if (view.openedBy === me && byId('dialog').dataset.view !== view.id && views.findLast((one) => one.openedBy === me) === view) showView(view, me, workspace.users);
}

let drawing = false;
function soon() {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; draw(); });
}

function become(user) {
  me = user;
  sessionStorage.setItem('me', me);
  byId('me').value = me;
  hideView(undefined);
  draw();
}
function approve(card) {
  const button = [...document.querySelectorAll('[data-action="gate:approve"]')].find((one) => one.closest('[data-ts]').dataset.ts === card.ts);
  button?.scrollIntoView({ block: 'center' });
  button?.click();
}
function openThread(ts) {
  thread = ts;
  draw();
  byId('thread-log').scrollTop = byId('thread-log').scrollHeight;
}

function heard(event) {
  // The first thing on every connection, a broken one's successor too: it also tells what happened meanwhile.
  if (event.kind === 'state') {
    ({ messages, notifications, views } = event);
    connected(event.sockets);
    document.body.dataset.ready = 'yes';
  }
  if (event.kind === 'message') {
    messages.push(event.message);
    // Said into a thread that is not open, it would be missed.
    if (event.message.ephemeral === me && event.message.threadTs && event.message.threadTs !== thread) toast(`👁 ${spoken(event.message.text)}`);
  }
  if (event.kind === 'message_changed') messages = messages.map((one) => (one.ts === event.message.ts ? event.message : one));
  if (event.kind === 'message_deleted') messages = messages.filter((one) => one.ts !== event.message.ts);
  if (event.kind === 'notification') notifications.push(event.notification);
  if (event.kind === 'view_opened') views.push(event.view);
  if (event.kind === 'view_updated') {
    views = views.map((one) => (one.id === event.view.id ? event.view : one));
    if (event.view.openedBy === me) showView(event.view, me, workspace.users);
  }
  if (event.kind === 'view_closed') {
    views = views.filter((one) => one.id !== event.view.id);
    hideView(event.view.id);
  }
  if (event.kind === 'sockets') connected(event.open);
  soon();
}
function connected(count) {
  byId('bot-state').textContent = count > 0 ? 'bot connected' : 'bot away';
  byId('bot-state').classList.toggle('on', count > 0);
}

for (const user of workspace.users) byId('me').append(el('option', { value: user.id }, user.name));
byId('me').value = me;
byId('me').addEventListener('change', (event) => become(event.target.value));
byId('channel-name').textContent = `# ${channel.name}`;
byId('thread-close').addEventListener('click', () => { thread = undefined; draw(); });
byId('dialog').addEventListener('cancel', () => {
  const { view } = byId('dialog').dataset;
  if (view) void human('close', { user: me, view });
});

function composing(form, input, where) {
  byId(form).addEventListener('submit', async (event) => {
    event.preventDefault();
    const line = byId(input).value.trim();
    if (!line) return;
    byId(input).value = '';
    if (line.startsWith('/')) await human('command', { user: me, line, channel: channel.id, ...where() });
    else await human('say', { user: me, text: line, channel: channel.id, ...where() });
  });
}
composing('composer', 'line', () => ({}));
composing('reply', 'reply-line', () => ({ thread }));
byId('line').focus();
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && thread && !document.querySelector('dialog[open]')) { thread = undefined; draw(); }
});

const events = new EventSource('/_events');
events.onmessage = ({ data }) => heard(JSON.parse(data));
followWorld(workspace.world);
if (matchMedia('(max-width: 1000px)').matches) byId('world').open = false;
