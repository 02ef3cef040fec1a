import { createServer } from 'node:net';
import { App, HTTPReceiver, LogLevel, SocketModeReceiver, type types } from '@slack/bolt';

export type Bot = App;

/** Two Socket Mode connections behind one app, so that one can be refreshed while the other listens. */
class Sockets {
  readonly #receivers: readonly SocketModeReceiver[];
  readonly #away = new Set<SocketModeReceiver>();
  constructor(slackApiUrl: string, count: number, deadAfterMs: number) {
    this.#receivers = Array.from(
      { length: count },
      () =>
        new SocketModeReceiver({
          appToken: 'xapp-sandbox',
          clientPingTimeout: deadAfterMs,
          logLevel: LogLevel.ERROR,
          installerOptions: { clientOptions: { slackApiUrl } },
        }),
    );
    for (const receiver of this.#receivers) {
      this.#away.add(receiver);
      receiver.client.on('connected', () => this.#away.delete(receiver));
      receiver.client.on('close', () => this.#away.add(receiver));
    }
  }
  init(app: Bot): void {
    for (const receiver of this.#receivers) receiver.init(app);
  }
  async start(): Promise<unknown> {
    return Promise.all(this.#receivers.map((receiver) => receiver.start()));
  }
  /** Resolves when every client has had its hello: stopped before that, the client rejects a promise that nobody holds. */
  async connected(): Promise<void> {
    await Promise.all(
      [...this.#away].map((receiver) => new Promise<void>((resolve) => receiver.client.once('connected', () => resolve()))),
    );
  }
  async stop(): Promise<unknown> {
    return Promise.all(this.#receivers.map((receiver) => receiver.stop()));
  }
}

export interface RunningBot {
  readonly app: Bot;
  /** Only by HTTP: where Slack has to post to. */
  readonly requestUrl?: string;
  stop(): Promise<void>;
}

const MODAL: types.ModalView = {
  type: 'modal',
  callback_id: 'cut-over',
  title: { type: 'plain_text', text: 'Cut over' },
  submit: { type: 'plain_text', text: 'Cut over' },
  blocks: [
    {
      type: 'input',
      block_id: 'instance',
      label: { type: 'plain_text', text: 'Type the instance name' },
      element: { type: 'plain_text_input', action_id: 'typed' },
    },
  ],
};

/** A small but real Bolt app: a command posts a card, its button opens a modal, the modal is checked and answered in the thread with a file. */
function listen(app: Bot): void {
  app.command('/pgupgrade', async ({ command, ack, client, respond }) => {
    await ack({ response_type: 'ephemeral', text: `working on ${command.text}` });
    const posted = await client.chat.postMessage({
      channel: command.channel_id,
      text: 'Upgrade staging',
      blocks: [
        { type: 'header', text: { type: 'plain_text', text: 'Upgrade staging' } },
        {
          type: 'actions',
          block_id: 'gate',
          elements: [{ type: 'button', action_id: 'gate:approve', text: { type: 'plain_text', text: 'Approve' }, value: 'PG-1' }],
        },
      ],
    });
    await client.chat.update({ channel: command.channel_id, ts: String(posted.ts), text: 'Upgrade staging: 10 percent' });
    await respond({ text: 'by response_url', response_type: 'in_channel' });
  });
  app.action('gate:approve', async ({ ack, body, client }) => {
    await ack();
    if (!('trigger_id' in body) || !('message' in body) || !body.channel) throw new Error('a click on a message was expected');
    const place = JSON.stringify({ channel: body.channel.id, ts: body.message?.ts });
    await client.chat.postEphemeral({ channel: body.channel.id, user: body.user.id, text: 'one moment' });
    await client.views.open({ trigger_id: body.trigger_id, view: { ...MODAL, private_metadata: place } });
  });
  app.view('cut-over', async ({ ack, view, body, client }) => {
    const typed = view.state.values['instance']?.['typed']?.value;
    if (typed !== 'me-inapp-staging-pg15') {
      await ack({ response_action: 'errors', errors: { instance: 'That is not the instance' } });
      return;
    }
    await ack();
    const place: { channel: string; ts: string } = JSON.parse(view.private_metadata);
    await client.chat.postMessage({ channel: place.channel, thread_ts: place.ts, text: `approved by <@${body.user.id}>` });
    await client.filesUploadV2({ channel_id: place.channel, thread_ts: place.ts, filename: 'report.txt', content: 'equal\n' });
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/**
 * Starts it against a Slack at `base`, by `sockets` connections or (0) by HTTP. A socket that is silent for `deadAfterMs` is given
 * up, and after a refresh its successor comes as late: short only where a test refreshes, because a busy machine is silent, too.
 */
export async function startBot(base: string, sockets: number, deadAfterMs = 5_000): Promise<RunningBot> {
  const slackApiUrl = `${base}/api/`;
  const clientOptions = { slackApiUrl, retryConfig: { retries: 0 } };
  const port = sockets > 0 ? 0 : await freePort();
  const receiver =
    sockets > 0
      ? new Sockets(slackApiUrl, sockets, deadAfterMs)
      : new HTTPReceiver({ signingSecret: 'sandbox-secret', logLevel: LogLevel.ERROR, port, endpoints: '/slack/events' });
  const app = new App({ token: 'xoxb-sandbox', receiver, clientOptions, convoStore: false, logLevel: LogLevel.ERROR });
  listen(app);
  await app.start(port);
  return {
    app,
    ...(sockets > 0 ? {} : { requestUrl: `http://127.0.0.1:${port}/slack/events` }),
    stop: async () => {
      if (receiver instanceof Sockets) await receiver.connected();
      await app.stop();
    },
  };
}
