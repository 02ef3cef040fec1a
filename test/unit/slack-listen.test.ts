import { createServer, type Server } from 'node:http';
import { App, LogLevel, type Receiver } from '@slack/bolt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Refused } from '../../src/errors.ts';
import type { Handlers } from '../../src/slack/handlers.ts';
import { listen } from '../../src/slack/listen.ts';

/** The listeners whole, from an event to its acknowledgement and answer, with a receiver that only hands events over. */
let answers: Server;
let url: string;
let told: { text: string; response_type: string }[];
let asked: unknown[];
let app: App;
let idle: () => Promise<void>;
let fails: Error | undefined;

const receiver: Receiver = { init: () => undefined, start: async () => undefined, stop: async () => undefined };
const handlers: Handlers = {
  command: async (request) => {
    asked.push(request);
    if (fails) throw fails;
    return { text: `heard ${request.text}, the token is xoxb-123456 and word-of-the-day` };
  },
  button: async (request) => {
    asked.push(request);
    return { text: 'pressed', everybody: true };
  },
  submit: async () => ({ text: 'sent' }),
  problems: () => ({}),
};

beforeEach(async () => {
  [told, asked, fails] = [[], [], undefined];
  answers = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      told.push(JSON.parse(Buffer.concat(parts).toString()));
      response.end('ok');
    });
  });
  await new Promise<void>((resolve) => answers.listen(0, '127.0.0.1', resolve));
  const address = answers.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/answer`;
  app = new App({
    receiver,
    convoStore: false,
    logLevel: LogLevel.ERROR,
    authorize: async () => ({ botToken: 'xoxb-x', botId: 'B1', botUserId: 'U0BOT' }),
  });
  const heard = new Set<string>();
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  ({ idle } = listen(app, {
    handlers,
    log,
    mask: ['word-of-the-day'],
    team: () => 'T1',
    channels: () => new Set(['C1']),
    botUser: () => 'U0BOT',
    once: async (id) => !heard.has(id) && Boolean(heard.add(id)),
  }));
});
afterEach(() => new Promise((resolve) => answers.close(resolve)));

/** Gives how often the event was acknowledged. */
async function hears(body: Record<string, unknown>): Promise<number> {
  let acknowledged = 0;
  await app.processEvent({
    body: { response_url: url, ...body },
    ack: async () => {
      acknowledged += 1;
    },
  });
  await idle();
  return acknowledged;
}
const command = (more: object = {}) => ({
  command: '/pgupgrade',
  text: 'status',
  team_id: 'T1',
  user_id: 'U1',
  channel_id: 'C1',
  trigger_id: '1.1',
  ...more,
});
const click = (more: object = {}) => ({
  type: 'block_actions',
  team: { id: 'T1' },
  user: { id: 'U1', team_id: 'T1' },
  channel: { id: 'C1' },
  trigger_id: '2.1',
  actions: [{ type: 'button', action_id: 'run:pause', block_id: 'b', value: 'PG-1' }],
  ...more,
});

describe('a whole listener', () => {
  it('acknowledges a command, hands it on and answers its writer alone, with nothing secret in it', async () => {
    expect(await hears(command())).toBe(1);
    expect(asked).toEqual([{ actor: { id: 'U1', team: 'T1', via: 'slack' }, channel: 'C1', text: 'status' }]);
    expect(told).toMatchObject([{ response_type: 'ephemeral', text: 'heard status, the token is [Slack token removed] and •••' }]);
  });

  it('hands a click on with its value, and an answer for everybody goes to everybody', async () => {
    expect(await hears(click())).toBe(1);
    expect(asked).toMatchObject([{ action: 'run:pause', value: 'PG-1', channel: 'C1' }]);
    expect(told).toMatchObject([{ response_type: 'in_channel', text: 'pressed' }]);
  });

  it.each([
    ['of another workspace', command({ team_id: 'T2' }), 'actor.other-workspace'],
    ['in another channel', command({ channel_id: 'C2' }), 'channel.not-served'],
    ['of a bot', click({ user: { id: 'U1', team_id: 'T1', is_bot: true } }), 'actor.not-a-person'],
  ])('acknowledges what comes %s, hands nothing on and says why', async (_name, body, code) => {
    expect(await hears(body)).toBe(1);
    expect(asked).toEqual([]);
    expect(told).toMatchObject([{ text: expect.stringContaining(`(${code})`) }]);
  });

  it('does once what is sent twice', async () => {
    await hears(click());
    await hears(click());
    expect(asked).toHaveLength(1);
    expect(told[1]?.text).toContain('(request.repeated)');
  });

  it('tells a refusal in its words, and of what nobody foresaw only a reference', async () => {
    fails = new Refused('gate.not-open', 'It is not asked about now.');
    await hears(command());
    fails = new TypeError('secret inner detail');
    await hears(command({ trigger_id: '1.2' }));
    expect(told[0]?.text).toBe('It is not asked about now. (gate.not-open)');
    expect(told[1]?.text).toMatch(/^Something broke here \(ref [0-9a-f]{4}\)/);
    expect(told[1]?.text).not.toContain('inner detail');
  });
});
