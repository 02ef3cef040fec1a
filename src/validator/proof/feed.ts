import type { Client } from 'pg';
import { identifier } from '../../postgres/identifiers.ts';
import { type Change, readChange } from './change.ts';

/** A session in replication mode; the feed ends it. */
export interface FeedConnection {
  open(database: string, applicationName: string): Promise<Client>;
}

export interface Feed {
  /** Every change that was committed before it has been handed over. */
  readonly position: bigint;
  /** Why it has ended; undefined while it streams. */
  readonly ended: Error | undefined;
  /** Resolves once `position` is there. The WAL up to it must be flushed. Errors: the feed's end; the signal's reason. */
  reached(lsn: bigint, signal: AbortSignal): Promise<void>;
  /** The slot need not keep what was committed before it. */
  confirm(lsn: bigint): void;
  close(): Promise<void>;
}

interface Connection {
  on(event: 'copyData', listener: (message: { readonly chunk: Buffer }) => void): void;
  once(event: 'replicationStart', listener: () => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
  readonly stream: { destroy(): void };
}
const microsecondsTo2000 = 946_684_800_000_000n;
const confirmEveryMs = 1_000;
const closesWithinMs = 500;

/**
 * Streams the committed changes of a logical slot of plugin test_decoding, in the order of their commits. Why not a publication
 * and pgoutput: while one publishes updates, an UPDATE of a table without a replica identity is refused, on the production
 * server. `change` is called with each change and the feed's position before its transaction.
 *
 * The protocol: https://www.postgresql.org/docs/15/protocol-replication.html. Confirmed is exactly what is passed to `confirm`:
 * one byte more would skip a transaction whose commit record begins there.
 */
export async function openFeed(
  client: Client,
  slot: string,
  options: { readonly localOnly?: boolean },
  change: (change: Extract<Change, { readonly kind: 'row' }>, before: bigint) => void,
): Promise<Feed> {
  const connection = Reflect.get(client, 'connection') as unknown as Connection;
  let position = 0n;
  let before = 0n;
  let confirmed = 0n;
  let inside = false;
  let ended: Error | undefined;
  const waiting = new Set<() => void>();
  const wake = () => {
    for (const one of waiting) one();
  };
  const end = (error: Error) => {
    ended ??= error;
    wake();
  };
  const handle = (message: Change, lsn: bigint) => {
    switch (message.kind) {
      case 'begin':
        inside = true;
        before = position;
        return;
      case 'commit':
        inside = false;
        if (lsn > position) position = lsn;
        return;
      case 'row':
        change(message, before);
        return;
      case 'other':
    }
  };
  connection.on('copyData', ({ chunk }) => {
    if (ended) return;
    try {
      const lsn = chunk.readBigUInt64BE(1);
      if (chunk[0] === 0x77) handle(readChange(chunk.toString('utf8', 25)), lsn);
      else if (chunk[0] === 0x6b) {
        // The server tells how far it has read; in the middle of a transaction that says nothing.
        if (!inside && lsn > position) position = lsn;
        if (chunk[17] === 1) send(false);
      }
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
      connection.stream.destroy();
    }
    wake();
  });
  const send = (ping: boolean) => {
    const message = Buffer.alloc(34);
    message[0] = 0x72;
    for (const at of [1, 9, 17]) message.writeBigUInt64BE(confirmed, at);
    message.writeBigInt64BE(BigInt(Date.now()) * 1_000n - microsecondsTo2000, 25);
    message[33] = ping ? 1 : 0;
    if (!ended) connection.sendCopyFromChunk(message);
  };
  const began = new Promise<void>((resolve) => connection.once('replicationStart', resolve));
  client.on('error', end);
  client.on('end', () => end(new Error(`the session of change feed ${slot} has ended`)));
  const local = options.localOnly ? `, "only-local" 'on'` : '';
  const streaming = client.query(
    `START_REPLICATION SLOT ${identifier(slot)} LOGICAL 0/0 ("include-xids" 'off', "skip-empty-xacts" 'on'${local})`,
  );
  streaming.then(() => end(new Error(`change feed ${slot} has ended`)), end);
  await Promise.race([began, streaming]);
  const timer = setInterval(() => send(false), confirmEveryMs);
  return {
    get position() {
      return position;
    },
    get ended() {
      return ended;
    },
    async reached(lsn, signal) {
      for (;;) {
        signal.throwIfAborted();
        if (ended) throw ended;
        if (position >= lsn) return;
        send(true);
        await new Promise<void>((resolve) => {
          const done = () => {
            waiting.delete(done);
            clearTimeout(patience);
            signal.removeEventListener('abort', done);
            resolve();
          };
          const patience = setTimeout(done, 50);
          waiting.add(done);
          signal.addEventListener('abort', done);
        });
      }
    },
    confirm(lsn) {
      if (lsn > confirmed) confirmed = lsn;
    },
    async close() {
      clearInterval(timer);
      if (!ended) send(false);
      end(new Error(`change feed ${slot} is closed`));
      const hangUp = setTimeout(() => connection.stream.destroy(), closesWithinMs);
      await client.end().catch(() => undefined);
      clearTimeout(hangUp);
    },
  };
}
