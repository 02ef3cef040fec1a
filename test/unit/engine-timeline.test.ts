import { describe, expect, it } from 'vitest';
import { partsOf, timelineOf } from '../../src/engine/timeline.ts';

describe('the timeline of a write stop', () => {
  it('gives what nobody names to the bot, and leaves no gap', () => {
    const timeline = timelineOf({ from: 100, to: 200, spans: [{ cause: 'drain', from: 120, to: 150 }] });
    expect(timeline).toEqual([
      { cause: 'bot', from: 100, to: 120 },
      { cause: 'drain', from: 120, to: 150 },
      { cause: 'bot', from: 150, to: 200 },
    ]);
  });
  it('counts what went on side by side once, as what was waited for', () => {
    const spans = [
      { cause: 'pods', from: 0, to: 60 },
      { cause: 'google', from: 40, to: 90 },
    ] as const;
    expect(partsOf(timelineOf({ from: 0, to: 100, spans }))).toEqual([
      { cause: 'google', ms: 50 },
      { cause: 'pods', ms: 40 },
      { cause: 'bot', ms: 10 },
    ]);
  });
  it('cuts off what lies outside', () => {
    const spans = [
      { cause: 'validation', from: -50, to: 10 },
      { cause: 'pods', from: 95, to: 300 },
      { cause: 'fence', from: 500, to: 600 },
    ] as const;
    expect(timelineOf({ from: 0, to: 100, spans }).map(({ cause, from, to }) => [cause, to - from])).toEqual([
      ['validation', 10],
      ['bot', 85],
      ['pods', 5],
    ]);
  });
});
