import { App, HTTPReceiver, type Receiver, webApi } from '@slack/bolt';
import { NeedsHuman } from '../errors.ts';
import { boltLogger, type ChannelLog } from './bolt-log.ts';
import { DualSocketReceiver } from './dual-socket.ts';
import type { Handlers } from './handlers.ts';
import { listen } from './listen.ts';

export interface ReceiverOptions {
  readonly token: string;
  /** Socket Mode needs no way in from outside; HTTP needs one and Slack's signing secret. */
  readonly mode:
    | { readonly kind: 'socket'; readonly appToken: string; readonly apartMs?: number }
    | { readonly kind: 'http'; readonly signingSecret: string; readonly port: number };
  readonly slackApiUrl?: string;
  /** Literal values that no answer may hold. */
  readonly mask?: readonly string[];
  readonly handlers: Handlers;
  readonly channels: () => ReadonlySet<string>;
  readonly log: ChannelLog;
  /** False: an interaction of this id was heard before, by any bot. */
  readonly once?: (id: string) => Promise<boolean>;
  /** Ends the attempts to connect. */
  readonly signal?: AbortSignal;
}
export interface RunningReceiver {
  readonly team: string;
  readonly botUser: string;
  /** Stops hearing, waits for what was heard (at most `withinMs`, 10 s). */
  close(withinMs?: number): Promise<void>;
}

/** Connects and listens. While Slack cannot be reached it tries again; a token that Slack refuses is NeedsHuman `slack.refused`. */
export async function startReceiver(options: ReceiverOptions): Promise<RunningReceiver> {
  const { token, mode, slackApiUrl, log } = options;
  const logger = boltLogger(log);
  const receiver: Receiver =
    mode.kind === 'socket'
      ? new DualSocketReceiver({ ...mode, logger, ...(slackApiUrl ? { slackApiUrl } : {}) })
      : new HTTPReceiver({ signingSecret: mode.signingSecret, port: mode.port, logger });
  const app = new App({
    token,
    receiver,
    deferInitialization: true,
    // The default keeps every conversation's state in memory; this bot's state is in its logs.
    convoStore: false,
    logger,
    clientOptions: {
      timeout: 10_000,
      rejectRateLimitedCalls: true,
      retryConfig: { retries: 2, factor: 2, minTimeout: 300 },
      logger,
      ...(slackApiUrl ? { slackApiUrl } : {}),
    },
  });
  app.error(async (error) => log.error({ error: error.message }, 'a listener failed'));
  let team: string | undefined;
  let botUser: string | undefined;
  const once = options.once ? { once: options.once } : {};
  const ears = listen(app, {
    handlers: options.handlers,
    log,
    ...once,
    ...(options.mask ? { mask: options.mask } : {}),
    team: () => team,
    botUser: () => botUser,
    channels: options.channels,
  });

  const identity = await patiently(options, async () => {
    const answer = await new webApi.WebClient(token, { ...app.webClientOptions }).auth.test();
    return { team: answer.team_id ?? '', botUser: answer.user_id ?? '' };
  });
  team = identity.team;
  botUser = identity.botUser;
  await patiently(options, () => app.init());
  await patiently(options, () => (mode.kind === 'http' ? app.start(mode.port) : app.start()));
  log.info({ team: identity.team, mode: mode.kind }, 'listening to Slack');

  return {
    ...identity,
    close: async (withinMs = 10_000) => {
      await app.stop();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs);
      });
      await Promise.race([ears.idle(), late]);
      clearTimeout(timer);
    },
  };
}

/** Slack may be away when the bot starts; it is not the bot's end. A refusal is. */
async function patiently<T>(options: ReceiverOptions, work: () => Promise<T>): Promise<T> {
  for (let wait = 500; ; wait = Math.min(wait * 2, 30_000)) {
    try {
      return await work();
    } catch (error) {
      const refused = refusalOf(error);
      if (refused !== undefined)
        throw new NeedsHuman('slack.refused', `Slack refuses the bot: ${refused}.`, {
          remedy: 'Set SLACK_BOT_TOKEN (xoxb-…) and SLACK_APP_TOKEN (xapp-…, scope connections:write) of the installed app.',
          cause: error,
        });
      if (options.signal?.aborted) throw error;
      options.log.warn({ error: error instanceof Error ? error.message : String(error), againInMs: wait }, 'Slack cannot be reached');
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

const refusals = new Set([
  'invalid_auth',
  'not_authed',
  'account_inactive',
  'token_revoked',
  'token_expired',
  'missing_scope',
  'not_allowed_token_type',
]);

function refusalOf(error: unknown): string | undefined {
  for (let one = error, depth = 0; one instanceof Error && depth < 6; depth += 1) {
    if (one instanceof webApi.WebAPIPlatformError) return refusals.has(one.data.error) ? one.data.error : undefined;
    one = 'original' in one && one.original instanceof Error ? one.original : one.cause;
  }
  return undefined;
}
