import { byId, el, toast } from './dom.js';

const KEPT = 120;
const frames = [];

function bytes(value) {
  if (value === null || value === undefined) return '–';
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${(value / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

function sparkline(values, label, shown, tone) {
  const known = values.map((value) => value ?? 0);
  const most = Math.max(1, ...known);
  const step = 200 / Math.max(1, KEPT - 1);
  const start = 200 - (known.length - 1) * step;
  const points = known.map((value, index) => `${(start + index * step).toFixed(1)},${(38 - (value / most) * 34).toFixed(1)}`).join(' ');
  return el('div', { className: `tile ${tone}` }, el('div', { className: 'tile-head' }, el('span', {}, label), el('b', {}, shown)),
    el('svg', { viewBox: '0 0 200 40', preserveAspectRatio: 'none', role: 'img', 'aria-label': `${label}: ${shown}` },
      el('polygon', { points: `${start},40 ${points} 200,40` }), el('polyline', { points, fill: 'none', 'vector-effect': 'non-scaling-stroke' })));
}

function sessions(side, tone) {
  if (!side) return null;
  return el('div', { className: 'server' }, el('h4', { className: tone }, side.name), side.sessions.length === 0
    ? el('p', { className: 'muted' }, 'nobody is connected')
    : el('ul', {}, side.sessions.map((one) => el('li', {}, el('span', {}, one.user, one.application ? el('small', {}, ` ${one.application}`) : null), el('b', {}, `×${one.count}`)))));
}

function pods(frame) {
  const tone = (pod) => (pod.server === null ? 'none' : pod.server === frame.new?.name ? 'new' : 'old');
  return el('table', { className: 'pods' }, el('thead', {}, el('tr', {}, ['pod', 'on', 'ok', 'failed'].map((head) => el('th', { scope: 'col' }, head)))),
    el('tbody', {}, frame.pods.toSorted((a, b) => a.name.localeCompare(b.name)).map((pod) => el('tr', {}, el('td', { className: 'name', title: pod.name }, pod.name.split('/').at(-1)), el('td', { title: pod.server }, el('span', { className: `dot ${tone(pod)}` }), pod.server?.split('-').at(-1) ?? 'nowhere'), el('td', {}, pod.acknowledged === 0 && pod.read > 0 ? `${pod.read.toLocaleString()} read` : pod.acknowledged.toLocaleString()), el('td', { className: pod.failed > 0 ? 'warn' : '' }, pod.failed.toLocaleString())))));
}

function seconds(ms) {
  return ms < 10000 ? `${(ms / 1000).toFixed(1)} s` : ms < 120000 ? `${Math.round(ms / 1000)} s` : `${Math.floor(ms / 60000)}m ${String(Math.round(ms / 1000) % 60).padStart(2, '0')}s`;
}

/** Writes off now, and every time before in which no pod of the service got a write acknowledged. */
function outage(frame) {
  const past = frame.outages.map((one) => `${one.kind} ${seconds(one.ms)}`).join(' · ');
  return el('p', { className: frame.offMs === null ? 'outage' : 'outage off', role: 'status' },
    el('b', {}, frame.offMs === null ? '▶ Writes are on' : `⛔ Writes off for ${seconds(frame.offMs)}`), el('span', {}, past === '' ? 'no outage so far' : `outages: ${past}`));
}

/** Switches that somebody has just flipped: a frame that was read before must not flip them back. */
const flipped = new Map();
const SHOWS_WITHIN_MS = 5_000;

async function flip(name, box) {
  const state = box.checked ? 'on' : 'off';
  flipped.set(name, state);
  setTimeout(() => flipped.delete(name), SHOWS_WITHIN_MS);
  const response = await fetch(`/_flags/${name}`, { method: 'POST', body: state });
  if (response.ok) return;
  flipped.delete(name);
  box.checked = !box.checked;
  toast((await response.json()).error);
}

/** Each switch is made once: one that is drawn anew every second would lose the focus. */
function flags(states) {
  const place = byId('world-flags');
  place.hidden = Object.keys(states).length === 0;
  for (const [name, state] of Object.entries(states)) {
    let box = place.querySelector(`[data-flag="${name}"]`);
    if (!box) {
      box = el('input', { type: 'checkbox', role: 'switch', 'data-flag': name, onchange: (event) => void flip(name, event.target) });
      place.append(el('label', { className: 'flag' }, box, el('code', {}, name), el('b', {})));
    }
    if (flipped.get(name) === state) flipped.delete(name);
    box.checked = (flipped.get(name) ?? state) === 'on';
    box.parentElement.lastChild.textContent = state;
  }
}

function draw(frame) {
  const series = (read) => frames.map(read);
  const bad = frame.lost + frame.doubled > 0;
  byId('world-line').textContent = `old ${frame.old?.writesPerSecond ?? 0} w/s · new ${frame.new?.writesPerSecond ?? 0} w/s · lag ${bytes(frame.lagBytes)} · ${frame.offMs === null ? '' : `writes off ${seconds(frame.offMs)} · `}lost ${frame.lost}`;
  byId('world-body').replaceChildren(
    outage(frame),
    el('div', { className: 'tiles' },
      sparkline(series((one) => one.old?.writesPerSecond), `old · ${frame.old?.name ?? 'not there'}`, `${Math.round(frame.old?.writesPerSecond ?? 0)} writes/s`, 'old'),
      sparkline(series((one) => one.new?.writesPerSecond), `new · ${frame.new?.name ?? 'not there yet'}`, `${Math.round(frame.new?.writesPerSecond ?? 0)} writes/s`, 'new'),
      sparkline(series((one) => one.lagBytes), 'replication lag', bytes(frame.lagBytes), 'lag'),
      sparkline(series((one) => one.retainedWalBytes), 'retained WAL', bytes(frame.retainedWalBytes), 'wal'),
      sparkline(series((one) => one.redis?.commandsPerSecond), frame.redis ? `Redis · ${bytes(frame.redis.memoryBytes)}` : 'Redis · away', `${frame.redis?.commandsPerSecond ?? 0} commands/s`, 'redis')),
    el('p', { className: bad ? 'verdict bad' : 'verdict', role: 'status' }, bad ? `❌ ${frame.lost} acknowledged writes lost, ${frame.doubled} doubled` : '✅ acknowledged writes: 0 lost, 0 doubled'),
    el('h3', {}, 'Pods'), el('div', { className: 'scroll' }, pods(frame)),
    el('h3', {}, 'Who is connected where'), el('div', { className: 'servers' }, sessions(frame.old, 'old'), sessions(frame.new, 'new')));
}

/** Follows the servers behind the channel. */
export function followWorld(there) {
  if (!there) {
    byId('world-line').textContent = 'nobody tells this page about the servers';
    return;
  }
  new EventSource('/_world').onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    frames.push(frame);
    if (frames.length > KEPT) frames.shift();
    draw(frame);
    flags(frame.flags ?? {});
  };
}
