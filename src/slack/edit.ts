import { type DeliverTools, type Delivery, drew, hashOf, type Known, noteOutcome, repeated, withDoubts } from './delivery.ts';
import { editLaneOf, rank } from './lanes.ts';
import type { Sent } from './outbox-store.ts';
import type { Wanted } from './project.ts';
import type { Message } from './render/blocks.ts';

/** At most so many edits of a board a minute; the last ones are kept for changes of the run's state. */
const mostBoards = { aMinute: 20, ordinary: 15 } as const;

/** Edits what differs: the cards that people decide on first, then the board, then the phases. Gives in how many ms something is due. */
export async function editAll(delivery: Delivery, known: Known, tools: DeliverTools): Promise<readonly (number | undefined)[]> {
  const doubts = delivery.wanted.filter((one) => known.get(one.key)?.ts === '');
  const urgency = (one: Wanted) => rank(editLaneOf(one)) * 2 + (one.kind === 'phase' ? 1 : 0);
  const waits: (number | undefined)[] = [];
  for (const one of [...delivery.wanted].sort((a, b) => urgency(a) - urgency(b))) {
    const sent = known.get(one.key);
    if (!sent?.ts || one.file) continue;
    waits.push(await edit(one.kind === 'board' ? { ...one, message: withDoubts(one.message, doubts) } : one, sent, delivery, tools));
  }
  return waits;
}

async function edit(one: Wanted, sent: Sent, delivery: Delivery, tools: DeliverTools): Promise<number | undefined> {
  const { store, pauses } = tools;
  const same = sent.hash === hashOf(one.message);
  if (same && !isDue(one, delivery, tools)) return undefined;
  const early = same ? 0 : tooEarly(one, delivery, tools);
  if (early > 0) return early;
  const lane = editLaneOf(one);
  const wait = pauses.waitFor('edit', '', lane);
  if (wait > 0) return wait;
  if (!(await store.lease(delivery.run))) return undefined;
  const message = sent.repeated ? repeated(one.message) : one.message;
  const outcome = await tools.poster.edit({ channel: delivery.channel, ts: sent.ts, message });
  await noteOutcome(delivery.run, outcome, tools);
  if (outcome.is === 'later') {
    pauses.hold('edit', '', lane, outcome.ms);
    return outcome.ms;
  }
  if (outcome.is === 'unknown') return 2_000;
  if (outcome.is === 'refused' && outcome.code === 'message_not_found' && (one.kind === 'board' || isOpen(one.message))) {
    // Somebody deleted it: posted anew, so that the run is seen and the question can be answered.
    await store.unclaim(delivery.run, one.key);
    return 0;
  }
  if (outcome.is === 'refused') tools.warn({ run: delivery.run, message: one.key, code: outcome.code }, 'Slack refused an edit');
  drew(delivery, one.key, tools);
  await store.sent(delivery.run, one.key, { ...sent, hash: hashOf(one.message) });
  return undefined;
}

/** It has buttons: somebody may have to press one. */
function isOpen(message: Message): boolean {
  return message.blocks.some((block) => block.type === 'actions');
}

/** An open message is drawn once by every bot that starts, and now and then, so that one that was deleted is missed. */
function isDue(one: Wanted, delivery: Delivery, tools: DeliverTools): boolean {
  if (!delivery.active || !isOpen(one.message)) return false;
  const last = tools.drawn.get(`${delivery.run}:${one.key}`)?.times.at(-1);
  return last === undefined || tools.now() - last >= tools.pace.assertMs;
}

/** In how many ms a board or a phase may be edited: at once after a pause or when the run's state changed, else every few seconds. */
function tooEarly(one: Wanted, delivery: Delivery, tools: DeliverTools): number {
  const before = tools.drawn.get(`${delivery.run}:${one.key}`);
  const last = before?.times.at(-1);
  if (before === undefined || last === undefined || delivery.last || (one.kind !== 'board' && one.kind !== 'phase')) return 0;
  const { everyMs } = tools.pace;
  const spaced = last + (one.kind === 'phase' ? 2 : 1) * everyMs - tools.now();
  if (one.kind === 'phase') return spaced;
  const changed = before.mood !== delivery.mood;
  const most = changed ? mostBoards.aMinute : mostBoards.ordinary;
  const oldest = before.times.at(-most);
  const full = oldest === undefined ? 0 : oldest + 20 * everyMs - tools.now();
  return Math.max(changed ? 0 : spaced, full);
}
