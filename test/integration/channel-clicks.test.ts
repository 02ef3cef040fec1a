import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHandlers } from '../../src/commands/handlers.ts';
import { acquireLease } from '../../src/jobs/lease.ts';
import { keysOf } from '../../src/jobs/redis.ts';
import { createRunLog } from '../../src/jobs/run-log.ts';
import { type ChannelWorld, channelWorld } from '../support/channel-world.ts';
import { commandsContext } from '../support/commands-context.ts';
import { type RedisForTests, redisForTests } from '../support/engine-bench.ts';
import { callSlack } from '../support/slack-api.ts';
import { begun, gateFact } from '../support/slack-runs.ts';

const keys = keysOf('clicks');
let redis: RedisForTests;
let world: ChannelWorld;
const clients: Redis[] = [];
const logs: ReturnType<typeof createRunLog>[] = [];
beforeAll(async () => {
  redis = await redisForTests();
  world = await channelWorld(redis.url, { rateLimits: 'off' });
});
afterAll(async () => {
  await Promise.all(logs.map((log) => log.close()));
  for (const client of clients) client.disconnect();
  await world.close();
  await redis.close();
});

/** A bot of its own: its sockets, its connection to Redis, its view of the logs. */
async function openBot() {
  const client = new Redis(redis.url);
  clients.push(client);
  const log = createRunLog(client, keys);
  logs.push(log);
  const commands = await commandsContext(Date.now);
  await world.openReceiver({ handlers: createHandlers((who) => ({ ...commands.as(who.actor.id, { log }), ...who })) });
  return { client, log };
}

describe('a hundred clicks at once on one question', () => {
  it('through two bots and one Redis, give one decision, and each clicker an answer', async () => {
    const { client, log } = await openBot();
    await openBot();
    await world.slack.waitForSockets(4);
    if (begun.type !== 'run.started') throw new Error('no beginning');
    const { type: _type, run: _run, ...header } = begun;
    const answer = await log.start(header);
    expect(answer).toEqual({ started: 'PG-1' });
    // What asks is an execution, which owns the run.
    const lease = await acquireLease(client, keys, 'PG-1', 60_000);
    if (!('token' in lease)) throw new Error('somebody owns the run');
    const question = gateFact('approve-cutover', ['revoke connect'], { expiresAt: Date.now() + 1_800_000 });
    expect(await log.append('PG-1', 1, [question], lease.token)).toBe('appended');
    await lease.release();
    const value = 'PG-1:approve-cutover:n-approve-cutover';
    const text = { type: 'plain_text', text: 'Approve' };
    const { body } = await callSlack(world.slackApiUrl.replace('/api/', ''), 'chat.postMessage', {
      channel: 'C0MIGRATION',
      text: 'a question',
      blocks: [{ type: 'actions', elements: [{ type: 'button', action_id: 'gate:approve', value, text }] }],
    });
    const clicks = Array.from({ length: 100 }, (_, at) =>
      world.slack.human.click(at % 2 ? 'U0APPROVER' : 'U0SECOND', String(body['ts']), 'gate:approve'),
    );
    expect((await Promise.all(clicks)).filter(({ ok }) => !ok)).toEqual([]);
    const told = () => world.slack.state.messages.flatMap(({ ephemeral, text: said }) => (ephemeral === undefined ? [] : [said]));
    await expect.poll(() => told().length).toBe(100);
    const facts = (await log.read('PG-1')).map(({ type }) => type);
    expect(facts.filter((type) => type === 'vote.cast')).toHaveLength(1);
    expect(facts.filter((type) => type === 'gate.decided')).toHaveLength(1);
    expect(told().filter((said) => said.includes('(gate.decided)'))).toHaveLength(99);
  });
});
