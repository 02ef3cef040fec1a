import { describe, expect, it } from 'vitest';
import type { Target } from '../../src/config/schema.ts';
import { overSince } from '../../src/tend-way-back.ts';
import { viewOf } from '../support/slack-runs.ts';

const target = { source: 'old', destination: 'new', wayBack: { days: 7, maxRetainedWal: 1 } } as Target;
const day = 86_400_000;

describe('the days of the way back', () => {
  it('are counted from the end of the run, and then people are told what to type', () => {
    const { state } = viewOf([{ type: 'run.finished' }]);
    const ended = state.endedAt ?? 0;
    expect(overSince(target, state, ended + 7 * day - 1)).toBeUndefined();
    expect(overSince(target, state, ended + 7 * day)).toContain(
      `new goes on keeping WAL for old, and both cost money, until somebody types \`/pgupgrade retire ${state.header?.run}\``,
    );
  });

  it('do not begin before the run has ended', () => {
    expect(overSince(target, viewOf([]).state, Number.MAX_SAFE_INTEGER)).toBeUndefined();
  });
});
