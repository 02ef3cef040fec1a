import { setTimeout as delay } from 'node:timers/promises';
import { type App, type Logger, type Receiver, SocketModeReceiver } from '@slack/bolt';

/** A socket without an answer to its pings for so long is dead. A busy machine's stall must not look like it: both sockets would go at once. */
const deadAfterMs = 10_000;
const backoffMs = { first: 100, most: 5_000 } as const;
/** One that was closed sooner counts as one that could not be opened: Slack grants few new ones a minute. */
const livedMs = 1_000;

/**
 * Two sockets behind one App. Slack refreshes each socket now and then, and clicks are not sent again: while one comes
 * back, the other one hears. The client's own way back (socket-mode 3.1) is not used: it waits for as long as it waits
 * for an answer to a ping, backs off for minutes, and lets a rejection go that nobody handles.
 */
export class DualSocketReceiver implements Receiver {
  readonly #sockets: readonly Socket[];
  readonly #logger: Logger;
  readonly #apartMs: number;
  readonly #stopped = new AbortController();

  /** `apartMs` (20 s): how much later the second one connects, so that Slack does not refresh both at once. */
  constructor(options: { readonly appToken: string; readonly slackApiUrl?: string; readonly logger: Logger; readonly apartMs?: number }) {
    this.#logger = options.logger;
    this.#apartMs = options.apartMs ?? 20_000;
    const address = options.slackApiUrl ? { slackApiUrl: options.slackApiUrl } : {};
    this.#sockets = [0, 1].map(() =>
      socketOf(
        new SocketModeReceiver({
          appToken: options.appToken,
          logger: options.logger,
          clientPingTimeout: deadAfterMs,
          autoReconnectEnabled: false,
          installerOptions: { clientOptions: { retryConfig: { retries: 0 }, timeout: 10_000, ...address } },
        }),
      ),
    );
  }
  init(app: App): void {
    for (const { receiver } of this.#sockets) receiver.init(app);
  }
  /** Rejects when the first socket cannot be opened; from then on both come back by themselves. */
  async start(): Promise<unknown> {
    const [first, second] = this.#sockets;
    const gone = await first?.open();
    if (first && gone) void this.#keep(first, gone.closed);
    if (second) void this.#keep(second, this.#pause(this.#apartMs));
    return gone;
  }
  stop(): Promise<unknown> {
    this.#stopped.abort();
    return Promise.all(this.#sockets.map(({ receiver }) => receiver.stop()));
  }

  /** Opens the socket after that, and again whenever it is closed. */
  async #keep(socket: Socket, after: Promise<unknown>): Promise<void> {
    await after;
    for (let wait = 0; !this.#stopped.signal.aborted; ) {
      try {
        const { closed } = await socket.open();
        // Stopped meanwhile: it must not stay open.
        if (this.#stopped.signal.aborted) await socket.receiver.stop();
        const opened = Date.now();
        await closed;
        if (Date.now() - opened >= livedMs) wait = 0;
        else wait = await this.#backOff(wait);
      } catch (error) {
        this.#logger.warn(`A socket to Slack could not be opened: ${error instanceof Error ? error.message : 'it was closed at once'}`);
        wait = await this.#backOff(wait);
      }
    }
  }

  async #backOff(lastMs: number): Promise<number> {
    const wait = Math.min(backoffMs.most, Math.max(backoffMs.first, lastMs * 2));
    await this.#pause(wait);
    return wait;
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stopped.signal }).catch(() => undefined);
  }
}

interface Socket {
  readonly receiver: SocketModeReceiver;
  /** Rejects where it cannot be opened; `closed` resolves when it is gone again, whoever closed it. */
  open(): Promise<{ readonly closed: Promise<void> }>;
}

function socketOf(receiver: SocketModeReceiver): Socket {
  let gone: () => void = () => undefined;
  receiver.client.on('disconnected', () => gone());
  return {
    receiver,
    async open() {
      const closed = new Promise<void>((resolve) => {
        gone = resolve;
      });
      await receiver.start();
      return { closed };
    },
  };
}
