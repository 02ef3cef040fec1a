import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FaultAnswer, Json } from '../../sandbox/slack/types.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { buttons, type ChannelWorld, channelWorld, shown } from '../support/channel-world.ts';
import { type RedisForTests, redisForTests } from '../support/engine-bench.ts';
import { begun, doneFacts, gateFact } from '../support/slack-runs.ts';

type Fault = (method: string, args: Json) => FaultAnswer | undefined;
let redis: RedisForTests;
let world: ChannelWorld;
let fault: Fault = () => undefined;
beforeAll(async () => {
  redis = await redisForTests();
});
afterAll(() => redis.close());
beforeEach(async () => {
  fault = () => undefined;
  world = await channelWorld(redis.url, { faults: { method: (method, args) => fault(method, args) } });
});
afterEach(() => world.close());

const question = () => gateFact('approve-cutover', ['revoke connect'], { expiresAt: Date.now() + 1_800_000 });
const isGate = (args: Json) => String(args['blocks']).includes('gate:approve');
const note = (text: string): FactBody => ({ type: 'note', by: 'U0OPERATOR', text });
const posts = () => world.slack.state.messages.filter((one) => !one.ephemeral && !one.deleted);
const cards = () => posts().filter((one) => shown(one).includes('What will be done'));

describe('Slack in trouble', () => {
  it('with edits limited, delays no question', async () => {
    await world.openOutbox();
    let limited = 0;
    fault = (method) => {
      if (method !== 'chat.update') return undefined;
      limited += 1;
      return { status: 429, retryAfterSeconds: 60 };
    };
    world.log.push('PG-1', begun);
    await world.seen((one) => buttons(one).includes('run:pause'));
    world.log.push('PG-1', { type: 'pause.requested', by: 'U0OPERATOR', reason: '' });
    await world.slack.waitFor(() => limited > 0);
    const until = Date.now() + 30_000;
    world.log.push('PG-1', { type: 'run.resumed', by: 'U0OPERATOR' }, question());
    await world.seen((one) => buttons(one).includes('gate:approve'));
    // Long before an edit may be tried again.
    expect(Date.now()).toBeLessThan(until);
    expect(limited).toBe(1);
  });

  it('with more to say than it takes, hears the question before the chatter', async () => {
    await world.openOutbox();
    world.log.push('PG-1', begun);
    await world.seen((one) => buttons(one).includes('run:pause'));
    world.log.push('PG-1', ...Array.from({ length: 30 }, (_, i) => note(`remark ${i}`)), question());
    await world.seen((one) => buttons(one).includes('gate:approve'));
    expect(posts().length).toBeLessThan(10);
    expect(world.slack.state.refusals).toEqual([]);
  });

  it('down and back, shows everything once and in order', async () => {
    await world.openOutbox();
    world.log.push('PG-1', begun);
    const board = await world.seen((one) => buttons(one).includes('run:pause'));
    let refusals = 0;
    fault = (method) => {
      if (method !== 'chat.postMessage' || ++refusals > 2) return undefined;
      return { status: 429, retryAfterSeconds: 1 };
    };
    world.log.push('PG-1', note('first'), note('second'));
    await world.seen((one) => one.text.includes('second'));
    expect(
      posts()
        .filter((one) => one.threadTs === board.ts)
        .map((one) => one.text.split(': ').at(-1)),
    ).toEqual(['first', 'second']);
  });

  it('with an answer lost, asks the question again as a repeat, and repeats no remark', async () => {
    await world.openOutbox();
    world.log.push('PG-1', begun);
    await world.seen((one) => buttons(one).includes('run:pause'));
    const lost = new Set<string>();
    fault = (method, args) => {
      const what = isGate(args) ? 'gate' : String(args['text']).includes('remark') ? 'remark' : '';
      if (method !== 'chat.postMessage' || what === '' || lost.has(what)) return undefined;
      lost.add(what);
      return 'lost';
    };
    world.log.push('PG-1', note('remark'), question());
    await world.slack.waitFor(() => cards().length === 1);
    world.skip(2_500);
    await world.slack.waitFor(() => lost.size === 2);
    world.skip(31_000);
    const repeat = await world.seen((one) => one.text.startsWith('(repeat)'));
    expect(buttons(repeat)).toContain('gate:approve');
    world.skip(31_000);
    world.log.push('PG-1', note('later'));
    await world.seen((one) => one.text.includes('later'));
    expect(posts().filter((one) => one.text.endsWith('remark'))).toHaveLength(1);
    expect(cards()).toHaveLength(2);
  });

  it('refusing the blocks, still gets the question with its buttons; refusing all blocks, its words', async () => {
    await world.openOutbox();
    fault = (method, args) =>
      method === 'chat.postMessage' && isGate(args) && String(args['blocks']).includes('"context"')
        ? { error: 'invalid_blocks' }
        : undefined;
    world.log.push('PG-1', begun, { ...question(), plan: Array.from({ length: 400 }, (_, i) => `statement number ${i}`) } as FactBody);
    const card = await world.seen((one) => buttons(one).includes('gate:approve'));
    expect(card.blocks).toHaveLength(2);
    fault = (method, args) =>
      method === 'chat.postMessage' && String(args['blocks']).length > 2 ? { error: 'invalid_blocks' } : undefined;
    world.log.push('PG-1', note('words only'));
    expect((await world.seen((one) => one.text.includes('words only'))).blocks).toEqual([]);
  });

  it('opening no window, the person who pressed hears it', async () => {
    await world.openOutbox();
    await world.openReceiver();
    world.log.push('PG-1', begun);
    const board = await world.seen((one) => buttons(one).includes('run:abort'));
    for (const answer of [{ error: 'expired_trigger_id' }, { status: 429, retryAfterSeconds: 1 }] as const) {
      fault = (method) => (method === 'views.open' ? answer : undefined);
      const before = world.slack.state.messages.length;
      await world.slack.human.click('admin', board.ts, 'run:abort');
      const told = await world.seen((one) => one.ephemeral === 'U0ADMIN' && world.slack.state.messages.indexOf(one) >= before);
      expect(told.text).toContain('(slack.no-window)');
    }
    expect(await world.log.read('PG-1')).toHaveLength(1);
  });

  it('with the board deleted by somebody, gets a new one', async () => {
    await world.openOutbox();
    world.log.push('PG-1', begun);
    const board = await world.seen((one) => buttons(one).includes('run:pause'));
    await fetch(`${world.slackApiUrl}chat.delete`, {
      method: 'POST',
      headers: { authorization: 'Bearer xoxb-sandbox', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ channel: board.channel, ts: board.ts }),
    });
    world.log.push('PG-1', question());
    const again = await world.seen((one) => one.threadTs === undefined && one.ts !== board.ts && shown(one).includes('PG-1'));
    await world.seen((one) => one.threadTs === again.ts && buttons(one).includes('gate:approve'));
  });
});

describe('several bots', () => {
  it('show every message once, and one takes over where another one died', async () => {
    const first = await world.openOutbox({ leaseMs: 700, tickMs: 200 });
    await world.openOutbox({ leaseMs: 700, tickMs: 200 });
    world.log.push('PG-1', begun, ...doneFacts('preflight'), question());
    await world.seen((one) => buttons(one).includes('gate:approve'));
    await first.close();
    world.log.push('PG-1', note('after the first one'));
    await world.seen((one) => one.text.includes('after the first one'));
    const seen = posts().map((one) => one.text);
    expect(new Set(seen).size).toBe(seen.length);
    await expect.poll(() => world.redis.get('pgupgrade:delivered:PG-1')).toBe('4');
  });

  it('draw after a restart what the dead one did not, with the messages that are there', async () => {
    const first = await world.openOutbox();
    world.log.push('PG-1', begun, question());
    const card = await world.seen((one) => buttons(one).includes('gate:approve'));
    await first.close();
    world.log.push('PG-1', {
      type: 'gate.decided',
      gate: 'approve-cutover',
      nonce: 'n-approve-cutover',
      decision: 'approved',
      by: ['U0APPROVER'],
      planHash: 'hash',
    });
    await world.openOutbox();
    expect(buttons(await world.seen((one) => one.ts === card.ts && shown(one).includes('Approved by')))).toEqual([]);
    expect(cards()).toHaveLength(1);
  });

  it('show what is owed before they stop', async () => {
    const outbox = await world.openOutbox({ pace: { everyMs: 60_000 }, tickMs: 60_000 });
    world.log.push('PG-1', begun, ...doneFacts('preflight'));
    const board = await world.seen((one) => shown(one).includes('PG-1') && one.threadTs === undefined);
    world.log.push('PG-1', ...doneFacts('enable-replication-flags'), note('one'), note('two'));
    await outbox.close();
    expect(
      posts()
        .map((one) => one.text)
        .join('\n'),
    ).toMatch(/one[\s\S]*two/);
    expect(shown(posts().find((one) => one.ts === board.ts) ?? board)).toContain('✅ *Prepare the source*');
  });
});

describe('secrets', () => {
  it('are taken out of what is sent, files included', async () => {
    await world.openOutbox({ mask: ['s3cr3t-literal'] });
    world.log.push('PG-1', begun, {
      type: 'task.asked',
      step: 'hold-schema-changes',
      what: ['postgres://migration:hunter2@127.0.0.2/inapp and s3cr3t-literal'],
      verifiedBy: 'y',
      file: { name: 'x.tf', content: 'password = "hunter2"' },
    });
    const task = await world.seen((one) => buttons(one).includes('task:done'));
    const file = (await world.seen((one) => one.files.length > 0)).files[0];
    const content = await (await fetch(file?.url_private ?? '', { headers: { authorization: 'Bearer xoxb-sandbox' } })).text();
    expect(`${task.text}${shown(task)}${content}`).not.toMatch(/hunter2|s3cr3t/);
  });
});
