import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Connection } from '../types.ts';
import { connect } from './session.ts';

/** Cloud SQL's own agent: a session of a system role that writes a row every second for as long as the instance runs. */
export function startHeartbeat(agent: Connection): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let client: Client | undefined;
  const beat = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        client ??= await connect({ ...agent, database: 'cloudsqladmin', applicationName: 'cloudsqlagent' });
        await client.query('update heartbeat set at = now() where id = 1');
      } catch {
        // The instance is restarting or gone: as the real agent, try again.
        await client?.end().catch(() => undefined);
        client = undefined;
      }
      await delay(client ? 1_000 : 200, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
    await client?.end().catch(() => undefined);
  };
  const done = beat();
  return {
    stop: () => {
      stopping.abort();
      return done;
    },
  };
}
