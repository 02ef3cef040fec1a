// One pod: a real process with a connection of its own. It ends by SIGTERM after the write that is under way.
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { type Act, acts } from './acts.ts';
import type { PodKind, PodMessage } from './messages.ts';

/** Doubled from refusal to refusal, as drivers do; from the least again once connected. */
const reconnectMs = { least: 20, most: 320 };
const answerMs = 5_000;

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`the pod has no setting ${name}`);
  return value;
}

const kind = setting('POD_KIND') as PodKind;
const server = setting('POD_HOST');
const everyMs = Number(setting('POD_PAUSE'));
let ending = false;
let sequence = 0;

function tell(message: PodMessage): void {
  // A killed supervisor's pipe may break before `disconnect` is heard.
  process.send?.(message, undefined, undefined, () => undefined);
}

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({
    host: server,
    port: Number(setting('POD_PORT')),
    user: setting('POD_USER'),
    password: setting('POD_PASSWORD'),
    database: setting('POD_DATABASE'),
    application_name: kind === 'adhoc' ? 'adhoc' : setting('POD_NAME'),
    ssl: { rejectUnauthorized: false },
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
  });
  // A session that the server ends must not end the pod: the next write reconnects.
  client.on('error', () => {});
  await client.connect();
  tell({ type: 'connected', at: Date.now(), server });
  return client;
}

async function flag(name: string): Promise<boolean> {
  const answer = await fetch(`${setting('POD_FLIPPER')}/${name}`);
  return (await answer.text()) === 'on';
}

async function live(act: Act): Promise<void> {
  let client: pg.Client | undefined;
  let reconnectAfterMs = reconnectMs.least;
  while (!ending) {
    try {
      client ??= await connect();
      reconnectAfterMs = reconnectMs.least;
      sequence += 1;
      const message = await act({ client, pod: setting('POD_NAME'), sequence, server, flag });
      if (message) tell(message);
      await pause(everyMs);
    } catch (error) {
      tell({ type: 'failed', at: Date.now(), server, error: error instanceof Error ? error.message : String(error) });
      await client?.end().catch(() => {});
      client = undefined;
      await pause(reconnectAfterMs);
      reconnectAfterMs = Math.min(2 * reconnectAfterMs, reconnectMs.most);
    }
  }
  await client?.end().catch(() => {});
  process.disconnect?.();
}

process.on('SIGTERM', () => {
  ending = true;
});
process.on('SIGINT', () => {});
// The supervisor is gone: nobody counts any more.
process.on('disconnect', () => process.exit(0));
await live(acts[kind]);
process.exit(0);
