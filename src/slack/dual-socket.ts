import { type App, type Logger, type Receiver, SocketModeReceiver } from '@slack/bolt';

/**
 * Two sockets behind one App. Slack refreshes each socket now and then; the client of socket-mode 3.1 is deaf for
 * `clientPingTimeout` meanwhile (5 s by default). Clicks are not sent again, so a single socket loses them.
 */
export class DualSocketReceiver implements Receiver {
  readonly #receivers: readonly SocketModeReceiver[];

  constructor(options: { readonly appToken: string; readonly slackApiUrl?: string; readonly logger: Logger }) {
    this.#receivers = [0, 1].map(
      () =>
        new SocketModeReceiver({
          appToken: options.appToken,
          logger: options.logger,
          clientPingTimeout: 1_000,
          // An object of its own for each: the socket client writes its 100 retries into the object that it is given.
          installerOptions: { clientOptions: options.slackApiUrl ? { slackApiUrl: options.slackApiUrl } : {} },
        }),
    );
  }
  init(app: App): void {
    for (const receiver of this.#receivers) receiver.init(app);
  }
  start(): Promise<unknown> {
    return Promise.all(this.#receivers.map((receiver) => receiver.start()));
  }
  stop(): Promise<unknown> {
    return Promise.all(this.#receivers.map((receiver) => receiver.stop()));
  }
}
