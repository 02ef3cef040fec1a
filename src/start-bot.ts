import type { CommandContext } from './commands/context.ts';
import { runFace } from './commands/face.ts';
import { createHandlers } from './commands/handlers.ts';
import { secretsOf } from './config/runtime.ts';
import { shapeOf } from './engine/shape.ts';
import { Refused } from './errors.ts';
import type { Process } from './process.ts';
import { runbook } from './runbook.ts';
import { attachToThread } from './slack/attach.ts';
import { createDirectory } from './slack/directory.ts';
import { startOutbox } from './slack/outbox.ts';
import { createOutboxStore, readTrouble } from './slack/outbox-store.ts';
import { createPoster, slackClients } from './slack/poster.ts';
import { channelProblem } from './slack/probe.ts';
import { startReceiver } from './slack/receiver.ts';
import { pacedSay } from './slack/say.ts';

/** The bot: hears commands and clicks, draws the channel. It executes nothing. Gives the function that ends it. */
export async function startBot({ runtime, services, jobs, log }: Process): Promise<() => Promise<void>> {
  const token = runtime.SLACK_BOT_TOKEN;
  if (token === undefined) throw new Refused('environment.invalid', 'The bot needs SLACK_BOT_TOKEN (xoxb-…).');
  const slackApi = runtime.SLACK_API_URL === undefined ? {} : { slackApiUrl: runtime.SLACK_API_URL };
  const clients = slackClients(token, runtime.SLACK_API_URL);
  const directory = createDirectory(clients.posts);
  const shape = shapeOf(runbook);
  const mask = secretsOf(runtime);
  const poster = createPoster(clients, mask);
  const posted = createOutboxStore(jobs.redis);
  const tellAlone = (channel: string, user: string) => (text: string) => clients.posts.chat.postEphemeral({ channel, user, text });
  const contextOf = (who: Pick<CommandContext, 'actor' | 'channel'>): CommandContext => ({
    ...who,
    log: jobs.log,
    dispatcher: jobs.dispatcher,
    directory,
    services,
    shape,
    now: Date.now,
    ...(who.channel === undefined ? {} : { say: pacedSay(tellAlone(who.channel, who.actor.id), Date.now) }),
    attach: (request) => attachToThread(posted, poster, request),
    channelProblem: (channel, text) => channelProblem(clients.posts, { channel, user: who.actor.id, text }),
    channelTrouble: (run) => readTrouble(jobs.redis, run, jobs.prefix),
  });
  const outbox = await startOutbox({
    redis: jobs.redis,
    prefix: jobs.prefix,
    log: jobs.log,
    shape,
    token,
    mask,
    ...slackApi,
    faceOf: (header) => runFace(services, header),
    warn: (fields, message) => log.warn(fields, message),
  });
  const receiver = await startReceiver({
    token,
    mask,
    ...slackApi,
    mode: receiverMode(runtime),
    handlers: createHandlers(contextOf),
    // Slack’s signature holds for five minutes: a request that is sent again within them is known by its id.
    once: async (id) => (await jobs.redis.set(`${jobs.prefix}:heard:${id}`, '1', 'EX', 600, 'NX')) === 'OK',
    channels: () => new Set([...services.values()].map(({ channel }) => channel)),
    log,
  });
  return async () => {
    await receiver.close();
    await outbox.close();
  };
}

function receiverMode(runtime: Process['runtime']): Parameters<typeof startReceiver>[0]['mode'] {
  if (runtime.SLACK_HTTP_PORT !== undefined && runtime.SLACK_SIGNING_SECRET !== undefined)
    return { kind: 'http', signingSecret: runtime.SLACK_SIGNING_SECRET, port: runtime.SLACK_HTTP_PORT };
  if (runtime.SLACK_APP_TOKEN !== undefined) return { kind: 'socket', appToken: runtime.SLACK_APP_TOKEN };
  throw new Refused(
    'environment.invalid',
    'The bot needs SLACK_APP_TOKEN (xapp-…) for Socket Mode, or SLACK_HTTP_PORT and SLACK_SIGNING_SECRET for HTTP.',
  );
}
