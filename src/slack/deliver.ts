import { type DeliverTools, type Delivery, noteOutcome } from './delivery.ts';
import { editAll } from './edit.ts';
import { laneOf, rank } from './lanes.ts';
import type { Entry, Sent } from './outbox-store.ts';
import { shown } from './post.ts';
import type { Wanted } from './project.ts';

const pinKey = 'pin';

/** Posts what is missing, questions first, then edits what differs, then pins. Gives in how many ms it wants to be called again; undefined: all is shown. */
export async function deliver(delivery: Delivery, tools: DeliverTools): Promise<number | undefined> {
  const { wanted, run } = delivery;
  const entries = await tools.store.entries(run, [...wanted.map((one) => one.key), pinKey]);
  const known = new Map<string, Sent>();
  const missing: { readonly one: Wanted; readonly entry: Entry }[] = [];
  for (const [at, one] of wanted.entries()) {
    const entry = entries[at] ?? { is: 'none' };
    if (entry.is === 'sent') known.set(one.key, entry.sent);
    else missing.push({ one, entry });
  }
  missing.sort((a, b) => rank(laneOf(a.one)) - rank(laneOf(b.one)) || a.one.index - b.one.index);
  const root = wanted.find((one) => one.kind === 'board');
  const waits: (number | undefined)[] = [];
  let held = Number.POSITIVE_INFINITY;
  for (const { one, entry } of missing) {
    // What waits holds everything behind it, or a pause that ends in between would turn two of them round.
    if (rank(laneOf(one)) >= held) continue;
    const result = await shown(one, entry, root && known.get(root.key)?.ts, delivery, tools);
    if (typeof result === 'number') waits.push(result);
    else known.set(one.key, result);
    // Without the board there is no thread to reply in. One of which nobody knows holds nobody.
    if (typeof result === 'number' && (entry.is === 'none' || one.kind === 'board')) held = rank(laneOf(one));
  }
  const open = wanted.filter((one) => !known.has(one.key)).map((one) => one.index);
  await tools.store.setCursor(run, open.length ? Math.min(...open) - 1 : delivery.length - 1);
  waits.push(...(await editAll(delivery, known, tools)));
  const board = root && known.get(root.key)?.ts;
  if (board) waits.push(await pin(board, entries.at(-1), delivery, tools));
  const due = waits.filter((wait) => wait !== undefined);
  return due.length ? Math.min(...due) : undefined;
}

/** The board is pinned while the run is active. */
async function pin(ts: string, entry: Entry | undefined, delivery: Delivery, tools: DeliverTools): Promise<number | undefined> {
  const hash = delivery.active ? 'pinned' : 'unpinned';
  const known = entry?.is === 'sent' ? entry.sent : undefined;
  if ((known?.ts === ts && known.hash === hash) || (!delivery.active && known?.hash !== 'pinned')) return undefined;
  if (tools.pauses.waitFor('edit', 'pins', 'reply') > 0 || !(await tools.store.lease(delivery.run))) return undefined;
  const outcome = await tools.poster.pin({ channel: delivery.channel, ts, pinned: delivery.active });
  await noteOutcome(delivery.run, outcome, tools);
  if (outcome.is === 'later' || outcome.is === 'unknown') {
    const ms = outcome.is === 'later' ? outcome.ms : 2_000;
    tools.pauses.hold('edit', 'pins', 'reply', ms);
    return ms;
  }
  if (outcome.is === 'refused') tools.warn({ run: delivery.run, code: outcome.code }, 'the board is not pinned');
  await tools.store.sent(delivery.run, pinKey, { ts, hash });
  return undefined;
}
