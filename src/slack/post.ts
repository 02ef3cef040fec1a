import { type DeliverTools, type Delivery, drew, hashOf, noteOutcome, repeated } from './delivery.ts';
import { laneOf, type Method } from './lanes.ts';
import type { Entry, Sent } from './outbox-store.ts';
import type { Outcome } from './poster.ts';
import type { Wanted } from './project.ts';

/** The message's place in Slack, posted now if it is not there yet; or in how many ms to try again. */
export async function shown(
  one: Wanted,
  entry: Entry,
  root: string | undefined,
  delivery: Delivery,
  tools: DeliverTools,
): Promise<Sent | number> {
  const { store, now, pace, pauses } = tools;
  const again = entry.is === 'claimed';
  if (entry.is === 'claimed') {
    const age = now() - entry.claim.at;
    if (age < pace.unknownMs) return pace.unknownMs - age;
    const mayRepeat = one.repeatable && (!entry.claim.repeat || one.kind === 'board');
    if (!mayRepeat) return giveUp(one, delivery, tools, 'nobody knows whether it was posted');
  }
  const lane = laneOf(one);
  const method: Method = one.file ? 'file' : 'post';
  // A bot that stops waits for nobody but those who said for how long.
  const wait = pauses.waitFor(method, delivery.channel, lane);
  if (wait > 0) return wait;
  const coming = lane === 'reply' && !delivery.last ? pauses.waitFor('post', `${delivery.channel} pace`, lane) : 0;
  if (coming > 0) return coming;
  if (!(await answers(tools))) return Math.min(2_000, pace.unknownMs);
  if (!(await store.lease(delivery.run))) return pace.unknownMs;
  const claim = { at: now(), repeat: again };
  if (again) await store.reclaim(delivery.run, one.key, claim);
  else if (!(await store.claim(delivery.run, one.key, claim))) return pace.unknownMs;
  const outcome = await send(again ? { ...one, message: repeated(one.message) } : one, root, delivery, tools);
  await noteOutcome(delivery.run, outcome, tools);
  switch (outcome.is) {
    case 'sent': {
      const sent: Sent = { ts: outcome.ts, hash: hashOf(one.message), ...(again ? { repeated: true } : {}) };
      await store.sent(delivery.run, one.key, sent);
      drew(delivery, one.key, tools);
      pauses.hold('post', `${delivery.channel} pace`, 'reply', pace.postMs);
      return sent;
    }
    case 'later':
      // This call certainly did nothing; what came of an earlier one is still unknown, so the mark stays.
      await (again ? store.reclaim(delivery.run, one.key, { at: 0, repeat: false }) : store.unclaim(delivery.run, one.key));
      pauses.hold(method, delivery.channel, lane, outcome.ms);
      tools.warn({ run: delivery.run, message: one.key, code: outcome.code }, 'Slack did not take a message; it is tried again');
      return outcome.ms;
    case 'unknown':
      tools.silence.suspected = true;
      tools.warn({ run: delivery.run, message: one.key, code: outcome.code }, 'Slack gave no answer to a message');
      return 0;
    case 'refused':
      if (outcome.code !== 'thread_not_found' || one.kind === 'board') return giveUp(one, delivery, tools, outcome.code);
      // The thread went with its board: without a new one no question would ever be seen again.
      await store.unclaim(delivery.run, one.key);
      await store.unclaim(delivery.run, delivery.wanted.find(({ kind }) => kind === 'board')?.key ?? '');
      return 0;
    default:
      return outcome satisfies never;
  }
}

/** Every message of a run getting lost one by one while Slack is down would help nobody. */
async function answers({ silence, poster }: DeliverTools): Promise<boolean> {
  if (silence.suspected) silence.suspected = !(await poster.alive());
  return !silence.suspected;
}

async function giveUp(one: Wanted, delivery: Delivery, tools: DeliverTools, code: string): Promise<Sent> {
  tools.warn({ run: delivery.run, message: one.key, code }, 'a message may be missing; the board says what it was');
  const sent: Sent = { ts: '', hash: '' };
  await tools.store.sent(delivery.run, one.key, sent);
  return sent;
}

async function send(one: Wanted, root: string | undefined, delivery: Delivery, tools: DeliverTools): Promise<Outcome> {
  const { channel } = delivery;
  if (one.kind === 'board') return tools.poster.post({ channel, broadcast: false, message: one.message });
  if (!root) return { is: 'later', ms: 1_000, code: 'no-board-yet' };
  if (one.file) return tools.poster.upload({ channel, thread: root, ...one.file, comment: one.message.text });
  return tools.poster.post({ channel, thread: root, broadcast: one.broadcast, message: one.message });
}
