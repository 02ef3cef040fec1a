import { isUnreachable } from '../postgres/reachable.ts';
import type { Side } from '../postgres/types.ts';
import { openSession, type Session } from './session.ts';
import type { ConnectionFactory } from './types.ts';

/** One session on each server: what one worker of the comparison holds. */
export interface Pair {
  readonly source: Session;
  readonly destination: Session;
}

export interface Factories {
  readonly source: ConnectionFactory;
  readonly destination: ConnectionFactory;
}

/**
 * The same work on both servers at once. If one side fails, its error is thrown after the other side has ended. That is at once
 * where a server is lost: nothing can be compared with it any more, and the other side's statement may take for hours.
 */
export async function both<T>(pair: Pair, work: (session: Session, side: Side) => Promise<T>): Promise<{ source: T; destination: T }> {
  let lost: unknown;
  const on = (side: Side) =>
    work(pair[side], side).catch((error: unknown) => {
      if (lost === undefined && isUnreachable(error)) {
        lost = error;
        // Its connection is closed; what runs on that server is cancelled with the whole comparison (`withPairs`).
        void pair[side === 'source' ? 'destination' : 'source'].end();
      }
      throw error;
    });
  const [source, destination] = await Promise.allSettled([on('source'), on('destination')]);
  if (lost !== undefined) throw lost;
  if (source.status === 'rejected') throw source.reason;
  if (destination.status === 'rejected') throw destination.reason;
  return { source: source.value, destination: destination.value };
}

/**
 * Opens `count` pairs, gives them to the work and ends them. When the signal aborts or the work fails, the servers are asked
 * to cancel the pairs' statements before the sessions are ended: nothing goes on running there.
 */
export async function withPairs<T>(
  factories: Factories,
  database: string,
  count: number,
  signal: AbortSignal,
  work: (pairs: readonly Pair[]) => Promise<T>,
): Promise<T> {
  const sessions: Session[] = [];
  const open = async (side: Side) => {
    const session = await openSession(factories[side], side, database, signal);
    sessions.push(session);
    return session;
  };
  const cancel = async () => {
    const pidsOf = (side: Side) => sessions.filter((session) => session.side === side).map((session) => session.pid);
    await Promise.all((['source', 'destination'] as const).map(async (side) => cancelBackends(factories[side], database, pidsOf(side))));
    await Promise.all(sessions.map((session) => session.end()));
  };
  const onAbort = () => void cancel();
  signal.throwIfAborted();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    const opened = await Promise.allSettled(Array.from({ length: count * 2 }, (_, i) => open(i % 2 === 0 ? 'source' : 'destination')));
    const failed = opened.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const [sources, destinations] = [0, 1].map((side) =>
      opened.flatMap((result, i) => (result.status === 'fulfilled' && i % 2 === side ? [result.value] : [])),
    );
    return await work(
      (sources ?? []).flatMap((source, i) => {
        const destination = destinations?.[i];
        return destination ? [{ source, destination }] : [];
      }),
    );
  } catch (error) {
    await cancel();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    await Promise.all(sessions.map((session) => session.end()));
  }
}

async function cancelBackends(factory: ConnectionFactory, database: string, pids: readonly number[]): Promise<void> {
  if (pids.length === 0) return;
  try {
    const client = await factory.open(database, 'pgupgrade-validate-cancel');
    client.on('error', () => undefined);
    // By their name too: after a long freeze an id may be that of a session that is somebody else's.
    await client
      .query(`select pg_cancel_backend(pid) from pg_stat_activity where pid = any ($1) and starts_with(application_name, 'pgupgrade')`, [
        pids,
      ])
      .finally(() => client.end());
  } catch {
    // The sessions are ended all the same; the server notices at its next write to the socket.
  }
}
