import { expect, it, vi } from 'vitest';
import { lasts } from '../../src/engine/step.ts';
import { recordingRun } from '../support/step-run.ts';

it('is told once it has lasted long enough, and has its time anew when it was told or is over', async () => {
  vi.useFakeTimers({ now: 1_000 });
  try {
    const run = recordingRun('gate', { uid: 'ab12cd34' });
    const seen = async (holds: boolean, later: number) => {
      vi.setSystemTime(Date.now() + later);
      return lasts(run, 'since', holds, 5_000);
    };
    expect(await seen(false, 0)).toBe(false);
    expect([...run.ledger]).toEqual([]);
    expect([await seen(true, 0), await seen(true, 4_999)]).toEqual([false, false]);
    expect(await seen(true, 1)).toBe(true);
    expect(await seen(true, 0)).toBe(false);
    expect([await seen(false, 4_000), await seen(true, 1_000), await seen(true, 4_000)]).toEqual([false, false, false]);
  } finally {
    vi.useRealTimers();
  }
});
