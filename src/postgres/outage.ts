import { setTimeout as pause } from 'node:timers/promises';
import { Transient } from '../errors.ts';

const everyMs = 50;

/**
 * How long a server did not answer while `work` ran: from the first refused probe to the first one answered after it,
 * summed over several gaps, in milliseconds. It goes on until the server answers, at most `settleMs` after the work.
 */
export async function measuringOutage<T>(
  probe: () => Promise<unknown>,
  work: () => Promise<T>,
  options: { readonly signal: AbortSignal; readonly settleMs: number },
): Promise<{ readonly result: T; readonly outageMs: number }> {
  let outageMs = 0;
  let downSince: number | undefined;
  let until = Number.POSITIVE_INFINITY;
  const watching = (async () => {
    while (!options.signal.aborted && Date.now() < until) {
      const begun = Date.now();
      try {
        await probe();
        if (downSince !== undefined) outageMs += Date.now() - downSince;
        downSince = undefined;
        if (until !== Number.POSITIVE_INFINITY) return;
      } catch (error) {
        if (!(error instanceof Transient)) throw error;
        downSince ??= begun;
      }
      await pause(everyMs);
    }
    if (downSince !== undefined) outageMs += Date.now() - downSince;
  })();
  try {
    const result = await work();
    until = Date.now() + options.settleMs;
    await watching;
    return { result, outageMs };
  } catch (error) {
    until = 0;
    await watching.catch(() => undefined);
    throw error;
  }
}
