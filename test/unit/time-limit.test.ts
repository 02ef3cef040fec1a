import { getEventListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { withTimeLimit } from '../../src/time-limit.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const aborted = (signal: AbortSignal) =>
  new Promise<string>((resolve) => signal.addEventListener('abort', () => resolve(signal.reason?.name ?? signal.reason), { once: true }));

describe('a time limit', () => {
  it('comes, whatever is collected meanwhile', async () => {
    const never = new AbortController();
    const limits = Array.from({ length: 20 }, (_, i) => aborted(withTimeLimit(100 + i, never.signal)));
    for (let time = 0; time < 5; time++) {
      collectGarbage();
      // What a weak reference was asked for stays until the end of the turn.
      await setImmediate();
    }
    const alarm = new Promise<string[]>((resolve) => setTimeout(() => resolve(['it never came']), 3_000));
    expect(await Promise.race([Promise.all(limits), alarm])).toEqual(limits.map(() => 'TimeoutError'));
  });

  it('gives way to another reason, before and while it runs, and leaves no listener behind', async () => {
    const source = new AbortController();
    const signal = withTimeLimit(60_000, source.signal);
    const ended = aborted(signal);
    source.abort('stopped');
    expect(await ended).toBe('stopped');
    expect(withTimeLimit(60_000, source.signal).reason).toBe('stopped');

    const other = new AbortController();
    await aborted(withTimeLimit(1, other.signal));
    expect(getEventListeners(other.signal, 'abort')).toEqual([]);
  });
});
