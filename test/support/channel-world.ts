import { Redis } from 'ioredis';
import { createSlack, type Slack } from '../../sandbox/slack/slack.ts';
import type { Message, SlackOptions } from '../../sandbox/slack/types.ts';
import { runFace } from '../../src/commands/face.ts';
import { createHandlers } from '../../src/commands/handlers.ts';
import { runVerbFromTerminal } from '../../src/commands/terminal.ts';
import { createDirectory } from '../../src/slack/directory.ts';
import { type Outbox, type OutboxOptions, startOutbox } from '../../src/slack/outbox.ts';
import { readTrouble } from '../../src/slack/outbox-store.ts';
import { createPoster, slackClients } from '../../src/slack/poster.ts';
import { channelProblem } from '../../src/slack/probe.ts';
import { type ReceiverOptions, type RunningReceiver, startReceiver } from '../../src/slack/receiver.ts';
import { commandsContext } from './commands-context.ts';
import { PEOPLE } from './slack-people.ts';
import { smallShape } from './slack-runs.ts';

const token = 'xoxb-sandbox';

/** The channel as people have it: Slack's stand-in, the bot's receiver and outbox, a real Redis; the log in memory, so that tests write it. */
export async function channelWorld(redisUrl: string, given: Partial<SlackOptions> & { readonly timeoutMs?: number } = {}) {
  const { timeoutMs, ...options } = given;
  let skew = 0;
  const now = () => Date.now() + skew;
  // Slack's own patience is for people; the bot's promptness is measured in bench/slack.ts.
  const slack: Slack = createSlack({ ...PEOPLE, limits: { ackMs: 20_000, triggerMs: 20_000 }, ...options });
  const slackApiUrl = `${await slack.listen()}/api/`;
  const commands = await commandsContext(now);
  const services = new Map([[commands.service.service, commands.service]]);
  const redis = new Redis(redisUrl);
  await redis.flushall();
  const web = slackClients(token, slackApiUrl).posts;
  const warnings: string[] = [];
  const opened: (Outbox | RunningReceiver)[] = [];
  const outboxes: Outbox[] = [];
  const line = (fields: Readonly<Record<string, unknown>>, message: string) => {
    warnings.push(`${message} ${JSON.stringify(fields)}`);
  };

  return {
    slack,
    log: commands.log,
    redis,
    warnings,
    slackApiUrl,
    /** Moves the bot's clock, not the one of its timers. */
    skip: (ms: number) => {
      skew += ms;
    },
    openOutbox: async (more: Partial<OutboxOptions> = {}) => {
      const outbox = await startOutbox({
        redis,
        log: commands.log,
        shape: smallShape,
        faceOf: (header) => runFace(services, header),
        token,
        slackApiUrl,
        warn: line,
        now,
        poster: createPoster(slackClients(token, slackApiUrl, timeoutMs), more.mask),
        ...more,
        pace: { everyMs: 100, ...more.pace },
      });
      opened.push(outbox);
      outboxes.push(outbox);
      return outbox;
    },
    openReceiver: async (more: Partial<ReceiverOptions> = {}) => {
      const directory = createDirectory(web);
      const receiver = await startReceiver({
        token,
        mode: { kind: 'socket', appToken: 'xapp-sandbox', apartMs: 0 },
        slackApiUrl,
        once: async (id) => (await redis.set(`heard:${id}`, '1', 'EX', 600, 'NX')) === 'OK',
        channels: () => new Set(['C0MIGRATION']),
        log: { info: () => undefined, warn: line, error: line },
        handlers: createHandlers((who) => ({
          ...commands.as(who.actor.id, { directory }),
          ...who,
          channelProblem: (channel, text) => channelProblem(web, { channel, user: who.actor.id, text }),
        })),
        ...more,
      });
      opened.push(receiver);
      return receiver;
    },
    draw: async (run: string) => {
      await Promise.all(outboxes.map((outbox) => outbox.draw(run)));
    },
    /** What a verb says in a terminal, where Slack is not needed. */
    terminal: async (...argv: readonly string[]) => {
      const context = commands.as('U0ADMIN', { channelTrouble: (run) => readTrouble(redis, run) });
      return (await runVerbFromTerminal(context, argv)).text;
    },
    seen: (predicate: (message: Message) => boolean, ms?: number) => slack.waitFor(predicate, ms),
    close: async () => {
      await Promise.allSettled(opened.map((one) => one.close(1_000)));
      await slack.close();
      redis.disconnect();
    },
  };
}
export type ChannelWorld = Awaited<ReturnType<typeof channelWorld>>;

/** What the message shows, buttons included, as one text. */
export function shown(message: Message): string {
  return JSON.stringify(message.blocks);
}
export function buttons(message: Message): readonly string[] {
  return [...shown(message).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1] ?? '');
}
