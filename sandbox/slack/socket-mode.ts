import { randomUUID } from 'node:crypto';
import type { Server } from 'node:http';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { isObject, object, structure, text } from './json.ts';
import type { Answer, Json } from './types.ts';
import { BOT, type Workspace } from './workspace.ts';

/** An app may hold ten connections (slackapi/node-slack-sdk#1654); the client drops a server that does not ping within 30 s. */
const MOST_SOCKETS = 10;
const PING_MS = 8_000;
/** After `disconnect` Slack itself closes the socket where the app does not. */
const CLOSE_AFTER_MS = 10_000;
const GOODBYE_MS = 200;

export interface SocketMode {
  /** Sends one envelope to ONE of the open sockets and waits for its ack. */
  deliver(type: string, payload: Json): Promise<Answer>;
  /** Asks each socket to reconnect, as Slack does regularly: one after the other, or all at once. Resolves when all asked ones are gone. */
  refresh(request?: { readonly together?: boolean }): Promise<void>;
  open(): number;
  /** Every socket is gone at once, without a word. */
  cut(): void;
  close(): void;
}

/** Socket Mode (docs.slack.dev/apis/events-api/using-socket-mode) on the given HTTP server. */
export function createSocketMode(workspace: Workspace, server: Server): SocketMode {
  const wss = new WebSocketServer({ noServer: true });
  /** Sockets that still get envelopes. One that was told to disconnect gets none, but its acks are taken. */
  const sockets = new Set<WebSocket>();
  const waiting = new Map<string, { readonly socket: WebSocket; readonly acked: (payload: Json) => void }>();
  const expired = new Map<string, number>();
  const changed = new Set<() => void>();

  function tell(): void {
    workspace.emit({ kind: 'sockets', open: sockets.size });
    for (const look of [...changed]) look();
  }

  function received(data: RawData): void {
    const message = structure(String(data));
    if (!isObject(message)) return;
    const id = text(message, 'envelope_id');
    const envelope = waiting.get(id);
    if (envelope) {
      envelope.acked(object(message, 'payload'));
      return;
    }
    const sent = expired.get(id);
    if (sent !== undefined)
      workspace.refuse('ack', 'late', [`acknowledged after ${workspace.now() - sent} ms, Slack waits ${workspace.limits.ackMs}`]);
  }

  function disconnect(socket: WebSocket, reason: string): void {
    socket.send(JSON.stringify({ type: 'disconnect', reason, debug_info: { host: 'sandbox' } }));
    if (sockets.delete(socket)) tell();
    setTimeout(() => socket.terminate(), CLOSE_AFTER_MS).unref();
  }

  function connected(socket: WebSocket): void {
    socket.on('error', () => socket.terminate());
    if (sockets.size >= MOST_SOCKETS) {
      disconnect(socket, 'too_many_websockets');
      return;
    }
    const timers = [setInterval(() => socket.ping('Ping from applink'), PING_MS)];
    const { socketRefreshMs } = workspace.limits;
    if (socketRefreshMs > 0) timers.push(setTimeout(() => void retire(socket), socketRefreshMs));
    for (const timer of timers) timer.unref();
    socket.on('message', received);
    socket.on('close', () => {
      for (const timer of timers) clearTimeout(timer);
      if (sockets.delete(socket)) tell();
    });
    sockets.add(socket);
    socket.send(
      JSON.stringify({
        type: 'hello',
        num_connections: sockets.size,
        debug_info: { host: 'sandbox', build_number: 1, approximate_connection_time: Math.round((socketRefreshMs || 18_060_000) / 1000) },
        connection_info: { app_id: BOT.app },
      }),
    );
    tell();
  }

  /** No new envelope for this socket; when those on their way are acked (or late), it is asked to reconnect. */
  async function retire(socket: WebSocket): Promise<void> {
    if (sockets.delete(socket)) tell();
    await until(() => ![...waiting.values()].some((envelope) => envelope.socket === socket), workspace.limits.ackMs);
    disconnect(socket, 'refresh_requested');
  }

  server.on('upgrade', (request, socket, head) => {
    const url = new URL(request.url ?? '/', 'http://sandbox');
    const ticket = url.searchParams.get('ticket') ?? '';
    // A ticket opens one socket, once.
    if (url.pathname === '/link/' && workspace.state.tickets.delete(ticket)) wss.handleUpgrade(request, socket, head, connected);
    else socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
  });

  function until(condition: () => boolean, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        finish();
      };
      const finish = () => {
        clearTimeout(timer);
        changed.delete(look);
        resolve();
      };
      const timer = setTimeout(finish, ms);
      changed.add(look);
      look();
    });
  }

  return {
    open: () => sockets.size,
    deliver(type, payload) {
      const open = [...sockets].filter((socket) => socket.readyState === socket.OPEN);
      const socket = open[Math.floor(Math.random() * open.length)];
      if (!socket) return Promise.resolve({ ok: false, error: 'dispatch_failed' });
      const id = randomUUID();
      const sent = workspace.now();
      return new Promise((resolve) => {
        const finish = (answer: Answer) => {
          clearTimeout(timer);
          waiting.delete(id);
          for (const look of [...changed]) look();
          resolve(answer);
        };
        const timer = setTimeout(() => {
          expired.set(id, sent);
          finish({ ok: false, error: 'operation_timeout' });
        }, workspace.limits.ackMs);
        waiting.set(id, { socket, acked: (acked) => finish({ ok: true, payload: acked }) });
        if (workspace.options.faults?.loseDelivery?.(type)) return;
        socket.send(JSON.stringify({ envelope_id: id, type, accepts_response_payload: type !== 'events_api', payload }));
      });
    },
    async refresh(request = {}) {
      const asked = [...sockets];
      if (request.together) await Promise.all(asked.map(retire));
      for (const socket of request.together ? [] : asked) {
        const before = sockets.size;
        await retire(socket);
        // The next one is asked when the first has come back: Slack refreshes each connection at a time of its own.
        await until(() => sockets.size >= before, CLOSE_AFTER_MS);
      }
      await Promise.all(
        asked.map((socket) => (socket.readyState === socket.CLOSED ? undefined : new Promise((resolve) => socket.once('close', resolve)))),
      );
    },
    cut() {
      for (const client of wss.clients) client.terminate();
      if (sockets.size > 0) {
        sockets.clear();
        tell();
      }
    },
    close() {
      for (const client of wss.clients) {
        client.close(1001);
        setTimeout(() => client.terminate(), GOODBYE_MS).unref();
      }
      sockets.clear();
      wss.close();
    },
  };
}
