import { createHash } from 'node:crypto';
import type { Pauses } from './lanes.ts';
import type { OutboxStore, Sent } from './outbox-store.ts';
import type { Outcome, Poster } from './poster.ts';
import type { Wanted } from './project.ts';
import { context, type Message, message, section } from './render/blocks.ts';
import type { Trouble } from './trouble.ts';

/** One look at a run: what its channel should show now. */
export interface Delivery {
  readonly run: string;
  readonly channel: string;
  readonly wanted: readonly Wanted[];
  /** Facts in the log. */
  readonly length: number;
  /** A word that changes with the run's state: then the board is drawn at once, else at most every `everyMs`. */
  readonly mood: string;
  /** Pinned while it is. */
  readonly active: boolean;
  /** The last delivery of a bot that stops: nothing is put off for the sake of coalescing. */
  readonly last: boolean;
}

/** Times in ms; tests shorten them. */
export interface Pace {
  /** Least time between two edits of a board that differ in no state. */
  readonly everyMs: number;
  /** Least time between two posts that nobody waits for: Slack takes one a second and channel, and questions must find room. */
  readonly postMs: number;
  /** How old a claim without an answer must be before it counts as unknown. */
  readonly unknownMs: number;
  /** How often an open message is edited although nothing changed: somebody may have deleted it. */
  readonly assertMs: number;
}
export const defaultPace: Pace = { everyMs: 3_000, postMs: 1_000, unknownMs: 30_000, assertMs: 300_000 };

/** What this process knows about one message. */
interface Drawn {
  readonly mood: string;
  /** When it was drawn, newest last, of the last minute. */
  readonly times: readonly number[];
}
export interface DeliverTools {
  readonly store: OutboxStore;
  readonly poster: Poster;
  readonly pauses: Pauses;
  /** A post got no answer: until Slack answers something else, no other one is risked. */
  readonly silence: { suspected: boolean };
  readonly pace: Pace;
  readonly now: () => number;
  readonly warn: (fields: Readonly<Record<string, unknown>>, message: string) => void;
  readonly drawn: Map<string, Drawn>;
  /** By run; `undefined`: none, and the store knows. */
  readonly troubles: Map<string, Trouble | undefined>;
}

export function drew(delivery: Delivery, key: string, tools: DeliverTools): void {
  const at = tools.now();
  const before = tools.drawn.get(`${delivery.run}:${key}`)?.times ?? [];
  tools.drawn.set(`${delivery.run}:${key}`, { mood: delivery.mood, times: [...before.filter((time) => time > at - 60_000), at] });
}

export function hashOf(one: Message): string {
  return createHash('sha256').update(JSON.stringify(one)).digest('base64url').slice(0, 16);
}

/** What is shown of a message that was posted twice. */
export function repeated(one: Message): Message {
  const note = context('(repeat) Slack did not say whether this message arrived before.');
  return { text: `(repeat) ${one.text}`, blocks: [note, ...one.blocks] };
}

/** A message that may not have arrived is not sent again; the board, which is edited and so never doubled, says what it was. */
export function withDoubts(board: Message, doubts: readonly Wanted[]): Message {
  if (doubts.length === 0) return board;
  const lines = doubts.map((one) => `• ${one.message.text}`);
  return message(board.text, [...board.blocks, section('Slack did not say whether these arrived:', ...lines.slice(-20))]);
}

/** Remembers why Slack takes nothing, for `status`; what is only too fast or busy is no trouble. */
export async function noteOutcome(run: string, outcome: Outcome, tools: DeliverTools): Promise<void> {
  if (outcome.is === 'refused' || (outcome.is === 'later' && outcome.code === 'ratelimited')) return;
  const known = tools.troubles.get(run);
  if (outcome.is === 'sent') {
    if (known === undefined && tools.troubles.has(run)) return;
    tools.troubles.set(run, undefined);
    await tools.store.setTrouble(run, undefined);
  } else if (known?.code !== outcome.code) {
    const trouble = { code: outcome.code, since: known?.since ?? tools.now() };
    tools.troubles.set(run, trouble);
    await tools.store.setTrouble(run, trouble);
  }
}

/** The places of what is posted, by key. */
export type Known = ReadonlyMap<string, Sent>;
