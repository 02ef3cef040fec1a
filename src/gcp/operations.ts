import { setTimeout as pause } from 'node:timers/promises';
import { NeedsHuman, Transient } from '../errors.ts';
import type { WaitOptions } from './types.ts';

/** Looks come after a tenth of the time that it has taken so far: what is done in a moment, and what takes ten minutes, is seen in time. */
const firstLookMs = 20;
const part = 0.1;
const slowestLookMs = 3_000;

/**
 * Looks until `look` gives a value. A passing trouble of a look is not the operation's failure: it looks again.
 * Throws the signal's reason when aborted, NeedsHuman `gcp.operation-slow` when the time is over.
 */
export async function until<T>(what: string, options: WaitOptions, look: () => Promise<T | undefined>): Promise<T> {
  const began = Date.now();
  const end = began + options.timeoutMs;
  for (;;) {
    options.signal.throwIfAborted();
    const found = await look().catch((error: unknown) => {
      if (error instanceof Transient && Date.now() < end) return undefined;
      throw error;
    });
    if (found !== undefined) return found;
    if (Date.now() >= end)
      throw new NeedsHuman('gcp.operation-slow', `${what} is not done after ${Math.round(options.timeoutMs / 1000)} s; it goes on.`, {
        remedy: "Press Retry to go on waiting, or look at it in Google's console.",
      });
    const everyMs = Math.min(Math.max(firstLookMs, (Date.now() - began) * part), options.everyMs ?? slowestLookMs);
    await pause(Math.min(everyMs, Math.max(1, end - Date.now())), undefined, { signal: options.signal }).catch(() => {
      options.signal.throwIfAborted();
    });
  }
}

/** Google's answer to a change must name the operation: without it nobody could wait for it. */
export function nameOf(method: string, operation: { readonly name?: string | null }): string {
  if (!operation.name)
    throw new NeedsHuman('gcp.no-operation', `Google's answer to ${method} names no operation.`, {
      remedy: 'Press Retry: the bot looks whether it was done.',
    });
  return operation.name;
}
