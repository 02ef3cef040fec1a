import { setTimeout as pause } from 'node:timers/promises';
import { NeedsHuman, Transient } from '../errors.ts';

/** No server there now, or none at all: a run must go on when an instance restarts, is not made yet or is gone. */
export function isUnreachable(error: unknown): boolean {
  return (
    (error instanceof Transient && ['postgres.unreachable', 'postgres.server-starting', 'postgres.server-stopping'].includes(error.code)) ||
    (error instanceof NeedsHuman && ['postgres.address-unknown', 'gcp.no-instance', 'gcp.no-address'].includes(error.code))
  );
}

/** What the server answers; `undefined`: it is not there, or says nothing within that time. Other errors are thrown. */
export async function ifItAnswers<T>(work: Promise<T>, withinMs: number): Promise<T | undefined> {
  const answered = work.catch((error: unknown) => {
    if (isUnreachable(error)) return undefined;
    throw error;
  });
  // What comes too late concerns nobody any more.
  answered.catch(() => undefined);
  return Promise.race([answered, pause(withinMs, undefined, { ref: false })]);
}
