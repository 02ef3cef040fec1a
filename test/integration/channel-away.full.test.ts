import { afterAll, beforeAll, describe, it } from 'vitest';
import { buttons, type ChannelWorld, channelWorld } from '../support/channel-world.ts';
import { type RedisForTests, redisForTests } from '../support/engine-bench.ts';
import { awayFor } from '../support/slack-away.ts';
import { begun } from '../support/slack-runs.ts';

let redis: RedisForTests;
let world: ChannelWorld;
beforeAll(async () => {
  redis = await redisForTests();
  world = await channelWorld(redis.url);
});
afterAll(async () => {
  await world.close();
  await redis.close();
});

describe('Slack away for two minutes', () => {
  it('leaves the channel complete and in order', async () => {
    await world.openOutbox();
    world.log.push('PG-1', begun);
    await world.seen((one) => buttons(one).includes('run:pause'));
    await awayFor(world, 120_000);
  });
});
