import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FaultAnswer, Json } from '../../sandbox/slack/types.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { readTrouble } from '../../src/slack/outbox-store.ts';
import { buttons, type ChannelWorld, channelWorld, shown } from '../support/channel-world.ts';
import { type RedisForTests, redisForTests } from '../support/engine-bench.ts';
import { callSlack } from '../support/slack-api.ts';
import { awayFor } from '../support/slack-away.ts';
import { begun, gateFact } from '../support/slack-runs.ts';

type Fault = (method: string, args: Json) => FaultAnswer | undefined;
let redis: RedisForTests;
let world: ChannelWorld;
let fault: Fault = () => undefined;
beforeAll(async () => {
  redis = await redisForTests();
});
afterAll(() => redis.close());
afterEach(() => world.close());

const question = () => gateFact('approve-cutover', ['revoke connect'], { expiresAt: Date.now() + 1_800_000 });
const note = (text: string): FactBody => ({ type: 'note', by: 'U0OPERATOR', text });
const posts = () => world.slack.state.messages.filter((one) => !one.ephemeral && !one.deleted);

async function open() {
  fault = () => undefined;
  world = await channelWorld(redis.url, { faults: { method: (method, args) => fault(method, args) } });
  const outbox = await world.openOutbox();
  world.log.push('PG-1', begun);
  await world.seen((one) => buttons(one).includes('run:pause'));
  return outbox;
}

describe('Slack away', () => {
  it('for a while, and the channel is complete and in order afterwards, and hears', async () => {
    await open();
    await awayFor(world, 4_000);
  });

  it('answering with errors only, risks one message, not one after the other', async () => {
    await open();
    fault = () => ({ status: 503 });
    world.log.push('PG-1', ...Array.from({ length: 5 }, (_, at) => note(`remark ${at}`)));
    await world.slack.waitFor(() => world.slack.state.refusals.filter((one) => one.method === 'auth.test').length >= 2);
    expect(world.slack.state.refusals.filter((one) => one.method === 'chat.postMessage')).toHaveLength(1);
    fault = () => undefined;
    await world.seen((one) => one.text.endsWith('remark 4'));
    world.skip(31_000);
    world.log.push('PG-1', note('the end'));
    const board = await world.seen((one) => one.threadTs === undefined && shown(one).includes('did not say whether these arrived'));
    expect(shown(board)).toContain('remark 0');
    expect(posts().flatMap((one) => /remark \d$/.exec(one.text) ?? [])).toEqual(['remark 1', 'remark 2', 'remark 3', 'remark 4']);
  });
});

describe('a channel that takes nothing', () => {
  const causes: Readonly<Record<string, string>> = {
    is_archived: 'archived',
    not_in_channel: '/invite @pgupgrade',
    token_revoked: 'SLACK_BOT_TOKEN',
    account_inactive: 'install it again',
  };
  for (const [code, cure] of Object.entries(causes))
    it(`(${code}) leaves the run alone and the question open; status says what mends it, and then everything is shown`, async () => {
      await open();
      fault = (method) => (method.startsWith('chat.') || method.startsWith('pins.') ? { error: code } : undefined);
      world.log.push('PG-1', question());
      await expect.poll(async () => (await readTrouble(world.redis, 'PG-1'))?.code).toBe(code);
      const status = await world.terminal('status', 'PG-1');
      expect(status).toContain(code);
      expect(status).toContain(cure);
      expect(await world.terminal('list')).toContain('PG-1');
      fault = () => undefined;
      world.skip(16_000);
      await world.draw('PG-1');
      await world.seen((one) => buttons(one).includes('gate:approve'));
      expect(await world.terminal('status', 'PG-1')).not.toContain(code);
    });
});

describe('an open question that somebody deleted', () => {
  it('is put again by the next bot that starts, and by the same one within minutes', async () => {
    const first = await open();
    world.log.push('PG-1', question());
    const remove = async (ts: string) => callSlack(world.slackApiUrl.replace('/api/', ''), 'chat.delete', { channel: 'C0MIGRATION', ts });
    const card = await world.seen((one) => buttons(one).includes('gate:approve'));
    // The bot has noted when it drew the card, before its clock moves.
    await world.draw('PG-1');
    await remove(card.ts);
    world.skip(301_000);
    const second = await world.seen((one) => one.ts !== card.ts && buttons(one).includes('gate:approve'));
    await first.close();
    await remove(second.ts);
    await world.openOutbox();
    await world.seen((one) => ![card.ts, second.ts].includes(one.ts) && buttons(one).includes('gate:approve'));
  });
});
