import type { Postgres } from './types.ts';

/**
 * Opens the sessions that the write stop uses, on both servers, while writes are still on: a new connection inside it
 * would be an outage. What cannot be opened now is opened at its use, and fails there.
 */
export async function openSessions(postgres: Postgres, databases: readonly string[]): Promise<void> {
  await Promise.allSettled(
    (['source', 'destination'] as const).flatMap((side) => ['postgres', ...databases].map((database) => postgres.database(side, database))),
  );
}
