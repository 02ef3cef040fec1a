import { createHash } from 'node:crypto';
import type { Entry, OutboxStore, Sent } from './outbox-store.ts';
import type { Outcome, Poster } from './poster.ts';
import type { Wanted } from './project.ts';
import { context, type Message } from './render/blocks.ts';

export interface Delivery {
  readonly run: string;
  readonly channel: string;
  readonly wanted: readonly Wanted[];
  /** Facts in the log. */
  readonly length: number;
  /** A word that changes with the run's state: then the board is drawn at once, else at most every `everyMs`. */
  readonly mood: string;
  readonly everyMs: number;
  /** The last delivery of a bot that stops: nothing is put off for the sake of coalescing. */
  readonly last: boolean;
}
export interface DeliverTools {
  readonly store: OutboxStore;
  readonly poster: Poster;
  readonly now: () => number;
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
  /** When and in which mood each message was last edited by this process. */
  readonly edited: Map<string, { readonly at: number; readonly mood: string }>;
  /** Until when nothing is posted to a channel, and nothing that can wait. */
  readonly quiet: Map<string, { readonly all: number; readonly rest: number }>;
  /** Until when Slack wants no more edits. */
  readonly edits: { until: number };
}

/** How old a claim without an answer must be before it counts as unknown. */
const unknownAfterMs = 30_000;

/** Least time between two posts that nobody waits for: Slack takes one a second and channel, and questions must find room. */
const paceMs = 1_000;

/** Posts what is missing, questions first, then edits what differs. Gives in how many ms it wants to be called again; undefined: all is shown. */
export async function deliver(delivery: Delivery, tools: DeliverTools): Promise<number | undefined> {
  const { wanted, run } = delivery;
  const entries = await tools.store.entries(
    run,
    wanted.map((one) => one.key),
  );
  const known = new Map<string, Sent>();
  const missing: { readonly one: Wanted; readonly entry: Entry }[] = [];
  for (const [at, one] of wanted.entries()) {
    const entry = entries[at] ?? { is: 'none' };
    if (entry.is === 'sent') known.set(one.key, entry.sent);
    else missing.push({ one, entry });
  }
  missing.sort((a, b) => rank(a.one) - rank(b.one) || a.one.index - b.one.index);
  const waits: (number | undefined)[] = [];
  for (const { one, entry } of missing) {
    const result = await shown(one, entry, known.get(rootKey(delivery))?.ts, delivery, tools);
    if (typeof result === 'number') waits.push(result);
    else known.set(one.key, result);
    // Without the board there is no thread to reply in.
    if (typeof result === 'number' && one.kind === 'board') break;
  }
  const open = wanted.filter((one) => !known.has(one.key)).map((one) => one.index);
  await tools.store.setCursor(run, open.length ? Math.min(...open) - 1 : delivery.length - 1);
  waits.push(await editAll(delivery, known, tools));
  return soonest(waits);
}

/** The board first, then what people wait for, then the rest. */
function rank(one: Wanted): number {
  if (one.kind === 'board') return 0;
  return one.broadcast || one.file ? 1 : 2;
}
function rootKey(delivery: Delivery): string {
  return delivery.wanted.find((one) => one.kind === 'board')?.key ?? '';
}
function soonest(times: readonly (number | undefined)[]): number | undefined {
  const all = times.filter((time) => time !== undefined);
  return all.length ? Math.min(...all) : undefined;
}
function hashOf(message: Message): string {
  return createHash('sha256').update(JSON.stringify(message)).digest('base64url').slice(0, 16);
}

/** The message's place in Slack, posted now if it is not there yet; or in how many ms to try again. */
async function shown(one: Wanted, entry: Entry, root: string | undefined, delivery: Delivery, tools: DeliverTools): Promise<Sent | number> {
  const { store, now } = tools;
  if (entry.is === 'claimed') {
    const age = now() - entry.at;
    if (age < unknownAfterMs) return unknownAfterMs - age;
    if (!one.repeatable) return giveUp(one, delivery, tools, 'nobody knows whether it was posted');
  }
  const quiet = tools.quiet.get(delivery.channel) ?? { all: 0, rest: 0 };
  const wait = (rank(one) === 2 && !delivery.last ? Math.max(quiet.all, quiet.rest) : quiet.all) - now();
  if (wait > 0) return wait;
  const again = entry.is === 'claimed';
  if (!(await store.lease(delivery.run))) return unknownAfterMs;
  if (again) await store.reclaim(delivery.run, one.key, now());
  else if (!(await store.claim(delivery.run, one.key, now()))) return unknownAfterMs;
  const outcome = await send(again ? repeated(one) : one, root, delivery, tools);
  switch (outcome.is) {
    case 'sent': {
      const sent: Sent = { ts: outcome.ts, hash: hashOf(one.message), ...(again ? { repeated: true } : {}) };
      await store.sent(delivery.run, one.key, sent);
      tools.edited.set(`${delivery.run}:${one.key}`, { at: now(), mood: delivery.mood });
      tools.quiet.set(delivery.channel, { all: 0, rest: now() + paceMs });
      return sent;
    }
    case 'later':
      // This call certainly did nothing; what came of an earlier one is still unknown, so the mark stays.
      await (again ? store.reclaim(delivery.run, one.key, 0) : store.unclaim(delivery.run, one.key));
      hush(outcome.ms, delivery, tools);
      tools.warn({ run: delivery.run, message: one.key, code: outcome.code }, 'Slack did not take a message; it is tried again');
      return outcome.ms;
    case 'unknown':
      tools.warn({ run: delivery.run, message: one.key, code: outcome.code }, 'Slack gave no answer to a message');
      hush(2_000, delivery, tools);
      return unknownAfterMs;
    case 'refused':
      if (outcome.code !== 'thread_not_found' || one.kind === 'board') return giveUp(one, delivery, tools, outcome.code);
      // The thread went with its board: without a new one no question would ever be seen again.
      await store.unclaim(delivery.run, one.key);
      await store.unclaim(delivery.run, rootKey(delivery));
      return 0;
    default:
      return outcome satisfies never;
  }
}

/** After a call that failed the next one waits: every message of a run failing one by one helps nobody. */
function hush(ms: number, delivery: Delivery, tools: DeliverTools): void {
  tools.quiet.set(delivery.channel, { all: tools.now() + ms, rest: tools.now() + ms });
}

async function giveUp(one: Wanted, delivery: Delivery, tools: DeliverTools, code: string): Promise<Sent> {
  tools.warn({ run: delivery.run, message: one.key, code }, 'a message is left out');
  const sent: Sent = { ts: '', hash: '' };
  await tools.store.sent(delivery.run, one.key, sent);
  return sent;
}

async function send(one: Wanted, root: string | undefined, delivery: Delivery, tools: DeliverTools): Promise<Outcome> {
  const { channel } = delivery;
  if (one.kind === 'board') return tools.poster.post({ channel, broadcast: false, message: one.message });
  if (!root) return { is: 'later', ms: 1_000, code: 'no-board-yet' };
  if (one.file) return tools.poster.upload({ channel, thread: root, name: one.file.name, content: one.file.content });
  return tools.poster.post({ channel, thread: root, broadcast: one.broadcast, message: one.message });
}

function repeated(one: Wanted): Wanted {
  const note = context('(repeat) Slack did not say whether this message arrived before.');
  return { ...one, message: { text: `(repeat) ${one.message.text}`, blocks: [note, ...one.message.blocks] } };
}

async function editAll(delivery: Delivery, known: ReadonlyMap<string, Sent>, tools: DeliverTools): Promise<number | undefined> {
  const waits: (number | undefined)[] = [];
  const urgency = (one: Wanted) => (one.kind === 'phase' ? 2 : one.kind === 'board' ? 1 : 0);
  for (const one of [...delivery.wanted].sort((a, b) => urgency(a) - urgency(b))) {
    const sent = known.get(one.key);
    if (!sent?.ts || one.file || sent.hash === hashOf(one.message)) continue;
    waits.push(await edit(one, sent, delivery, tools));
  }
  return soonest(waits);
}

async function edit(one: Wanted, sent: Sent, delivery: Delivery, tools: DeliverTools): Promise<number | undefined> {
  const { store, now, edits } = tools;
  const key = `${delivery.run}:${one.key}`;
  const before = tools.edited.get(key);
  const live = one.kind === 'board' || one.kind === 'phase';
  if (live && before && (one.kind === 'phase' || before.mood === delivery.mood) && !delivery.last) {
    const wait = before.at + (one.kind === 'phase' ? 2 : 1) * delivery.everyMs - now();
    if (wait > 0) return wait;
  }
  if (edits.until > now()) return edits.until - now();
  if (!(await store.lease(delivery.run))) return undefined;
  const { message } = sent.repeated ? repeated(one) : one;
  const outcome = await tools.poster.edit({ channel: delivery.channel, ts: sent.ts, message });
  if (outcome.is === 'later' && outcome.code === 'ratelimited') edits.until = now() + outcome.ms;
  if (outcome.is === 'later') return outcome.ms;
  if (outcome.is === 'unknown') return 2_000;
  if (outcome.is === 'refused' && outcome.code === 'message_not_found' && one.kind === 'board') {
    // Somebody deleted the board: a new one, so that the run is seen again.
    await store.unclaim(delivery.run, one.key);
    return 0;
  }
  if (outcome.is === 'refused') tools.warn({ run: delivery.run, message: one.key, code: outcome.code }, 'Slack refused an edit');
  tools.edited.set(key, { at: now(), mood: delivery.mood });
  await store.sent(delivery.run, one.key, { ...sent, hash: hashOf(one.message) });
  return undefined;
}
