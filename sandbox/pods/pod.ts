// One pod: a real process with a connection of its own. It ends by SIGTERM after the write that is under way.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import pg from 'pg';
import { type Act, acts } from './acts.ts';
import type { PodMessage, PodSettings } from './messages.ts';

/** Doubled from refusal to refusal, as drivers do; from the least again once connected. */
const reconnectMs = { least: 20, most: 320 };
const answerMs = 5_000;

let ending = false;
let sequence = 0;

function tell(message: PodMessage): void {
  // A killed supervisor's pipe may break before `disconnect` is heard.
  process.send?.(message, undefined, undefined, () => undefined);
}

async function connect({ name, kind, host, port, user, password, database }: PodSettings): Promise<pg.Client> {
  const client = new pg.Client({
    host,
    port,
    user,
    password,
    database,
    application_name: kind === 'adhoc' ? 'adhoc' : name,
    ssl: { rejectUnauthorized: false },
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
  });
  // A session that the server ends must not end the pod: the next write reconnects.
  client.on('error', () => {});
  await client.connect();
  tell({ type: 'connected', at: Date.now(), server: host });
  return client;
}

async function live(settings: PodSettings): Promise<void> {
  const { name: pod, host: server, pauseMs } = settings;
  const act: Act = acts[settings.kind];
  const flag = async (name: string) => (await (await fetch(`${settings.flipper}/${name}`)).text()) === 'on';
  let client: pg.Client | undefined;
  let reconnectAfterMs = reconnectMs.least;
  while (!ending) {
    try {
      client ??= await connect(settings);
      reconnectAfterMs = reconnectMs.least;
      sequence += 1;
      const message = await act({ client, pod, sequence, server, flag });
      if (message) tell(message);
      await pause(pauseMs);
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
// The first TLS connection of a process reads every root certificate: done while nobody waits for it.
createSecureContext();
const [settings] = (await once(process, 'message')) as [PodSettings];
await live(settings);
process.exit(0);
