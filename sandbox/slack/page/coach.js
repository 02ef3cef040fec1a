import { byId, el } from './dom.js';
import { nameOf } from './mrkdwn.js';

function texts(value) {
  if (Array.isArray(value)) return value.flatMap(texts);
  if (value === null || typeof value !== 'object') return [];
  return typeof value.text === 'string' ? [value.text] : Object.values(value).flatMap(texts);
}

/** The newest card that waits for an approval, and who of the page's people may still give it. */
function openGate(messages, workspace) {
  const card = messages.findLast((message) => message.blocks.some((block) => (block.elements ?? []).some((one) => one.action_id === 'gate:approve')));
  if (!card) return undefined;
  const lines = card.blocks.flatMap(texts).flatMap((text) => text.split('\n'));
  const voted = new Set(lines.filter((line) => /^[✓✗]/u.test(line)).flatMap((line) => [...line.matchAll(/<@(\w+)/g)].map((match) => match[1])));
  const asked = lines.find((line) => /\bfrom\b.*<[@!]/.test(line)) ?? '';
  const named = [...asked.matchAll(/<@(\w+)/g)].map((match) => match[1]);
  const grouped = [...asked.matchAll(/<!subteam\^(\w+)/g)].flatMap((match) => workspace.usergroups.find((group) => group.id === match[1])?.users ?? []);
  const barred = lines.filter((line) => line.includes('cannot approve')).flatMap((line) => [...line.matchAll(/<@(\w+)/g)].map((match) => match[1]));
  const people = [...new Set([...grouped, ...named])].filter((user) => !voted.has(user) && !barred.includes(user));
  return { card, people: people.length > 0 ? people : workspace.users.filter((user) => user.name === 'approver').map((user) => user.id) };
}

let drawn;
/** What the buttons act on. */
let now;

/** The coach's line: what a newcomer does next. Drawn anew only where it says something else: a button that is replaced under the mouse loses its click. */
export function drawCoach({ me, messages, workspace, become, approve }) {
  const gate = openGate(messages, workspace);
  const started = messages.some((message) => message.user === workspace.bot.user && !message.ephemeral);
  const mayApprove = gate?.people.includes(me);
  const next = gate?.people[0];
  const step = !started ? 1 : !gate ? 0 : mayApprove ? 3 : 2;
  now = { become: () => become(next), approve: () => approve(gate.card) };
  const says = JSON.stringify([step, next, me]);
  if (says === drawn) return;
  drawn = says;
  const item = (number, inner) => el('li', { className: step === number ? 'now' : step > number || (step === 0 && number === 1) ? 'past' : '', 'aria-current': step === number ? 'step' : undefined }, el('span', { className: 'number' }, number), inner);
  byId('coach').replaceChildren(
    item(1, step === 1 ? el('span', {}, 'press Enter to start staging') : 'start staging'),
    item(2, step === 2 ? el('button', { type: 'button', id: 'coach-become', onclick: () => now.become() }, `become ${nameOf(next)}`) : 'become the approver'),
    item(3, step === 3 ? el('button', { type: 'button', id: 'coach-approve', className: 'primary', onclick: () => now.approve() }, 'Approve') : 'Approve'),
    el('li', { className: 'hint' }, step === 0 ? 'The bot is at work; it asks when it needs you. Watch the world on the side.' : step === 2 ? `${workspace.users.find((user) => user.id === me)?.name ?? 'You'} may not decide this one.` : ''));
}
