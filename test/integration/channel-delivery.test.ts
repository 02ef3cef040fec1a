import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FaultAnswer, Json, Message } from '../../sandbox/slack/types.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { type ChannelWorld, channelWorld, shown } from '../support/channel-world.ts';
import { type RedisForTests, redisForTests } from '../support/engine-bench.ts';
import { PEOPLE } from '../support/slack-people.ts';
import { begun, gateFact } from '../support/slack-runs.ts';

let redis: RedisForTests;
let world: ChannelWorld;
beforeAll(async () => {
  redis = await redisForTests();
});
afterAll(() => redis.close());
afterEach(() => world.close());

/** Eight runs, each in a channel of its own, 135 messages in each thread beside its board. */
const runs = Array.from({ length: 8 }, (_, at) => ({ run: `PG-${at + 1}`, channel: `C0RUN${at}` }));
const marks = 45;
const mark = (run: string, kind: string, at: number) => `#${run}.${kind}.${at}#`;

function story(run: string, at: number): readonly FactBody[] {
  const step = 'hold-schema-changes';
  const nonce = `n-${run}-${at}`;
  const plan = [`plan of ${at}`];
  return [
    { type: 'note', by: 'U0OPERATOR', text: mark(run, 'note', at) },
    gateFact('approve-cutover', plan, { nonce, question: mark(run, 'gate', at), expiresAt: Date.now() + 3_600_000 }),
    { type: 'gate.decided', gate: 'approve-cutover', nonce, decision: 'approved', by: ['U0APPROVER'], planHash: 'hash' },
    { type: 'step.blocked', step, code: 'x.y', reason: mark(run, 'failure', at), remedy: 'Look.', fate: 'human', undoing: false },
    { type: 'retry.requested', step, by: 'U0OPERATOR' },
  ];
}

/** The same faults in every run of this test. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

interface Attempt {
  readonly mark: string;
  readonly what: 'taken' | 'limited' | 'unknown';
  readonly repeat: boolean;
}

describe('a thousand messages over a bad line', () => {
  it('all arrive: none twice that Slack refused, at most one marked repeat of a question or failure that nobody knew of', async () => {
    const attempts: Attempt[] = [];
    const roll = dice(7);
    const answers: readonly (readonly [number, FaultAnswer, Attempt['what']])[] = [
      [0.06, { status: 429, retryAfterSeconds: 1 }, 'limited'],
      [0.09, { status: 500 }, 'unknown'],
      [0.12, 'lost', 'unknown'],
      [0.13, 'silent', 'unknown'],
    ];
    const method = (name: string, args: Json): FaultAnswer | undefined => {
      if (name === 'chat.update' && roll() < 0.05) return { status: 429, retryAfterSeconds: 1 };
      const found = /#[^#]+#/.exec(String(args['text']))?.[0];
      if (name !== 'chat.postMessage' || found === undefined) return undefined;
      const luck = roll();
      const [, answer, what] = answers.find(([below]) => luck < below) ?? [1, undefined, 'taken' as const];
      attempts.push({ mark: found, what, repeat: String(args['text']).startsWith('(repeat)') });
      return answer;
    };
    world = await channelWorld(redis.url, {
      channels: [...PEOPLE.channels, ...runs.map(({ channel }) => ({ id: channel, name: channel.toLowerCase() }))],
      rateLimits: 'off',
      faults: { method },
      timeoutMs: 3_000,
    });
    await world.openOutbox({ pace: { everyMs: 500, postMs: 1, unknownMs: 900 }, tickMs: 300 });
    for (const { run, channel } of runs) {
      world.log.push(run, { ...begun, run, channel } as FactBody);
      for (let at = 0; at < marks; at += 1) world.log.push(run, ...story(run, at));
    }
    const expected = runs.flatMap(({ run }) =>
      Array.from({ length: marks }, (_, at) => ['note', 'gate', 'failure'].map((kind) => mark(run, kind, at))).flat(),
    );
    const markOf = (one: Message) => /#PG-[^#]+#/.exec(shown(one))?.[0];
    // A phase's reply tells of its failures too.
    const messages = () => world.slack.state.messages.filter((one) => !/steps done\.$/.test(one.text) || one.threadTs === undefined);
    const posts = () => messages().filter((one) => one.threadTs !== undefined && markOf(one) !== undefined);
    const told = () => new Set(messages().flatMap((one) => shown(one).match(/#PG-[^#]+#/g) ?? []));
    const missing = () => {
      const there = told();
      return expected.filter((one) => !there.has(one));
    };
    await expect.poll(missing, { timeout: 150_000, interval: 2_000 }).toEqual([]);

    expect(expected.length).toBeGreaterThan(1_000);
    expect(attempts.filter(({ what }) => what !== 'taken').length).toBeGreaterThan(80);
    const byMark = new Map<string, Message[]>();
    for (const one of posts()) {
      const found = markOf(one) ?? '';
      byMark.set(found, [...(byMark.get(found) ?? []), one]);
    }
    for (const one of expected) {
      const there = byMark.get(one) ?? [];
      const tried = attempts.filter((attempt) => attempt.mark === one);
      const unknown = tried.some(({ what }) => what === 'unknown');
      const repeats = there.filter((message) => message.text.startsWith('(repeat)'));
      if (!unknown) expect(there, one).toHaveLength(1);
      expect(repeats.length, one).toBeLessThanOrEqual(unknown && !one.includes('.note.') ? 1 : 0);
      expect(there.length - repeats.length, one).toBeLessThanOrEqual(1);
      expect(tried.filter(({ what, repeat }) => what === 'taken' && !repeat).length, one).toBeLessThanOrEqual(1);
    }
    for (const { run } of runs)
      for (const kind of ['note', 'gate', 'failure']) {
        const order = posts().flatMap((one) => {
          const [, of, what, at] = /#(PG-\d+)\.(\w+)\.(\d+)#/.exec(shown(one)) ?? [];
          return of === run && what === kind && !one.text.startsWith('(repeat)') ? [Number(at)] : [];
        });
        expect(order, `${run} ${kind}`).toEqual([...order].sort((a, b) => a - b));
      }
  });
});

describe('the board', () => {
  it('is edited at most twenty times a minute, however often the state changes, and shows the last state', async () => {
    world = await channelWorld(redis.url, { rateLimits: 'off' });
    await world.openOutbox({ pace: { everyMs: 100, postMs: 1 } });
    world.log.push('PG-1', begun);
    const board = await world.seen((one) => one.threadTs === undefined && shown(one).includes('PG-1'));
    const edits: number[] = [];
    world.slack.on((event) => {
      if (event.kind === 'message_changed' && event.message.ts === board.ts && event.message.edited) edits.push(event.at);
    });
    for (let at = 0; at < 60; at += 1) {
      world.log.push(
        'PG-1',
        at % 2 ? { type: 'run.resumed', by: 'U0OPERATOR' } : { type: 'pause.requested', by: 'U0OPERATOR', reason: '' },
      );
      await new Promise((resolve) => setImmediate(resolve));
      await world.draw('PG-1');
    }
    world.log.push('PG-1', { type: 'pause.requested', by: 'U0OPERATOR', reason: 'the very last' });
    await world.seen((one) => one.ts === board.ts && shown(one).includes('rev 62 '));
    // Twenty of these short minutes are 2 s: `everyMs` is 3 s in production.
    for (const from of edits) expect(edits.filter((at) => at >= from && at < from + 1_900).length).toBeLessThanOrEqual(20);
  });

  it('is pinned while the run is not finished, and nothing else happens where pins are not allowed', async () => {
    world = await channelWorld(redis.url);
    await world.openOutbox();
    world.log.push('PG-1', begun);
    const board = await world.seen((one) => one.pinned === true);
    world.log.push('PG-1', { type: 'run.finished' });
    await world.slack.waitFor((one) => one.ts === board.ts && one.pinned === false);
    await world.close();
    world = await channelWorld(redis.url, { scopes: ['commands', 'chat:write', 'files:write', 'usergroups:read'] });
    await world.openOutbox();
    world.log.push('PG-1', begun, { type: 'note', by: 'U0OPERATOR', text: 'all the same' });
    await world.seen((one) => one.text.includes('all the same'));
    expect(world.slack.state.refusals.map((one) => one.method)).toEqual(['pins.add']);
  });
});
