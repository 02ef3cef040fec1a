import { once } from 'node:events';
import { createHttpServer } from './http-server.ts';
import { createHuman, type Deliver, type Human } from './human/human.ts';
import { deliverOverHttp } from './signed-http.ts';
import { createSocketMode } from './socket-mode.ts';
import type { Names } from './terminal-text.ts';
import type { Listener, Message, SlackOptions, View } from './types.ts';
import { BOT, createWorkspace, type State } from './workspace.ts';

/** A Slack workspace on loopback: its Web API, Socket Mode or signed HTTP, its people, and a page for them. */
export interface Slack {
  /** Starts on 127.0.0.1 and gives `http://127.0.0.1:port`; the bot's SLACK_API_URL is that + `/api/`. */
  listen(): Promise<string>;
  close(): Promise<void>;
  /** Nobody listens on its port any more, and every connection is cut; `comeBack` listens there again, with everything remembered. */
  goDown(): Promise<void>;
  comeBack(): Promise<void>;
  readonly state: State;
  /** What ids in texts mean, for whoever prints them. */
  readonly names: Names;
  readonly human: Human;
  /** Calls back with every event. Gives the function that ends it. */
  on(listener: Listener): () => void;
  /** The first message, there already or still to come or to be edited, that fits; rejects after `ms`. */
  waitFor(predicate: (message: Message) => boolean, ms?: number): Promise<Message>;
  /** The same for the views of all people. */
  waitForView(predicate: (view: View) => boolean, ms?: number): Promise<View>;
  /** How many Socket Mode connections the bot holds; `waitForSockets` resolves when there are at least so many. */
  sockets(): number;
  waitForSockets(count: number, ms?: number): Promise<void>;
  /** Slack's regular refresh: each socket after the other, or all at once, which no bot survives without a gap. */
  refreshSockets(request?: { readonly together?: boolean }): Promise<void>;
  /** From now on everything is POSTed there, signed; `undefined`: Socket Mode again. */
  setRequestUrl(url: string | undefined): void;
}

/** Waits end when it happens; on a busy machine it may take long. */
const WAIT_MS = 60_000;

/** A strict stand-in of Slack. Known differences to the real one: sandbox/DIFFERENCES.md. */
export function createSlack(options: SlackOptions): Slack {
  const workspace = createWorkspace(options);
  let requestUrl: string | undefined;
  const deliver: Deliver = async (type, payload) => {
    const began = performance.now();
    const answer = requestUrl ? await deliverOverHttp(workspace, requestUrl, type, payload) : await socketMode.deliver(type, payload);
    const ms = Math.round(performance.now() - began);
    workspace.emit({ kind: 'delivered', type, ms, ...(answer.ok ? {} : { error: answer.error }) });
    return answer;
  };
  const human = createHuman(workspace, deliver);
  const server = createHttpServer(workspace, human, () => socketMode.open());
  const socketMode = createSocketMode(workspace, server);

  /** Looks now and after every event until something is found. */
  function wait<Found>(look: () => Found | undefined, what: string, ms: number): Promise<Found> {
    return new Promise((resolve, reject) => {
      const off = workspace.on(() => attempt());
      const timer = setTimeout(() => {
        off();
        const last = workspace.state.messages.slice(-3).map((message) => message.text.slice(0, 80));
        reject(new Error(`${what} did not come within ${ms} ms; the last messages are: ${last.join(' | ')}`));
      }, ms);
      const attempt = () => {
        const found = look();
        if (found === undefined) return;
        clearTimeout(timer);
        off();
        resolve(found);
      };
      attempt();
    });
  }

  async function stopListening(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  return {
    state: workspace.state,
    names: { users: options.users, channels: options.channels, usergroups: options.usergroups, bot: BOT },
    human,
    on: workspace.on,
    async listen() {
      server.listen(options.port ?? 0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('the Slack stand-in listens on no port');
      workspace.setBase(`http://127.0.0.1:${address.port}`);
      return workspace.base();
    },
    async close() {
      socketMode.close();
      await stopListening();
    },
    async goDown() {
      socketMode.cut();
      await stopListening();
    },
    async comeBack() {
      server.listen(Number(new URL(workspace.base()).port), '127.0.0.1');
      await once(server, 'listening');
    },
    waitFor: (predicate, ms = WAIT_MS) =>
      wait(() => workspace.state.messages.find((message) => !message.deleted && predicate(message)), 'the message', ms),
    waitForView: (predicate, ms = WAIT_MS) => wait(() => [...workspace.state.views.values()].find(predicate), 'the view', ms),
    sockets: socketMode.open,
    async waitForSockets(count, ms = WAIT_MS) {
      await wait(() => (socketMode.open() >= count ? true : undefined), `connection ${count} of the bot`, ms);
    },
    refreshSockets: (request) => socketMode.refresh(request),
    setRequestUrl(url) {
      requestUrl = url;
    },
  };
}
