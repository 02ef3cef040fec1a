import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer } from '../../sandbox/slack/types.ts';
import { type ChannelWorld, channelWorld } from '../support/channel-world.ts';
import { type RedisForTests, redisForTests } from '../support/engine-bench.ts';

let redis: RedisForTests;
let world: ChannelWorld;
beforeAll(async () => {
  redis = await redisForTests();
  world = await channelWorld(redis.url, { rateLimits: 'off', limits: { ackMs: 3_000 } });
});
afterAll(async () => {
  await world.close();
  await redis.close();
});

describe('a hundred refreshes of the sockets', () => {
  it('lose no envelope while people keep typing', async () => {
    await world.openReceiver();
    await world.slack.waitForSockets(2);
    const answers: Promise<Answer>[] = [];
    const type = () => answers.push(world.slack.human.command('operator', `/pgupgrade nothing-${answers.length}`));
    const typing = setInterval(type, 40);
    for (let refreshed = 0; refreshed < 100; refreshed += 2) {
      const before = answers.length;
      await world.slack.refreshSockets();
      // People type on while both sockets are there, too.
      await expect.poll(() => answers.length - before, { timeout: 30_000 }).toBeGreaterThan(30);
    }
    clearInterval(typing);
    expect(answers.length).toBeGreaterThan(1_500);
    expect((await Promise.all(answers)).filter((answer) => !answer.ok)).toEqual([]);
  });
});
