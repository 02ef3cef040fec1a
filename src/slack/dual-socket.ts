import { type App, type Logger, type Receiver, SocketModeReceiver } from '@slack/bolt';

/**
 * Two sockets behind one App. Slack refreshes each socket now and then; the client of socket-mode 3.1 is deaf for
 * `clientPingTimeout` meanwhile (5 s by default). Clicks are not sent again, so a single socket loses them.
 */
export class DualSocketReceiver implements Receiver {
  readonly #receivers: readonly SocketModeReceiver[];
  readonly #logger: Logger;
  readonly #apartMs: number;
  #second: NodeJS.Timeout | undefined;

  /** `apartMs` (20 s): how much later the second one connects, so that Slack does not refresh both at once. */
  constructor(options: { readonly appToken: string; readonly slackApiUrl?: string; readonly logger: Logger; readonly apartMs?: number }) {
    this.#logger = options.logger;
    this.#apartMs = options.apartMs ?? 20_000;
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
  async start(): Promise<unknown> {
    const [first, second] = this.#receivers;
    const answer = await first?.start();
    this.#second = setTimeout(() => void second?.start().catch((error: unknown) => this.#logger.error(error)), this.#apartMs);
    return answer;
  }
  stop(): Promise<unknown> {
    clearTimeout(this.#second);
    return Promise.all(this.#receivers.map((receiver) => receiver.stop()));
  }
}
