import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMoment } from '../../src/commands/moment.ts';
import { Refused } from '../../src/errors.ts';

const now = Date.UTC(2026, 10, 22, 10, 0, 0);
const at = (text: string, zone = 'UTC') => new Date(readMoment(text, now, zone)).toISOString();
const code = (text: string, zone = 'UTC') => {
  try {
    return at(text, zone);
  } catch (error) {
    if (error instanceof Refused) return error.code;
    throw error;
  }
};

describe('a moment that a person writes', () => {
  it.each([
    ['22:00', 'UTC', '2026-11-22T22:00:00.000Z'],
    ['09:59', 'UTC', '2026-11-23T09:59:00.000Z'],
    ['22:00', 'Europe/Vienna', '2026-11-22T21:00:00.000Z'],
    ['22:00 America/New_York', 'Europe/Vienna', '2026-11-23T03:00:00.000Z'],
    ['00:30 Pacific/Auckland', 'UTC', '2026-11-22T11:30:00.000Z'],
    ['2026-11-23 22:00', 'Europe/Vienna', '2026-11-23T21:00:00.000Z'],
    ['2026-11-23T22:00+05:30', 'UTC', '2026-11-23T16:30:00.000Z'],
    ['2026-11-23T22:00:00Z', 'Europe/Vienna', '2026-11-23T22:00:00.000Z'],
    ['+2h30m', 'UTC', '2026-11-22T12:30:00.000Z'],
    ['in 90m', 'UTC', '2026-11-22T11:30:00.000Z'],
    ['+1d', 'UTC', '2026-11-23T10:00:00.000Z'],
  ])('%s in %s is %s', (text, zone, expected) => {
    expect(at(text, zone)).toBe(expected);
  });
  it.each([
    ['tomorrow', 'time.unreadable'],
    ['25:00', 'time.unreadable'],
    ['', 'time.unreadable'],
    ['+', 'time.unreadable'],
    ['22:00 Mars/Olympus', 'time.zone-unknown'],
    ['2026-11-21 22:00', 'time.past'],
    ['2027-03-01 22:00', 'time.too-far'],
    ['2026-02-30 22:00', 'time.past'],
  ])('%s is refused: %s', (text, expected) => {
    expect(code(text)).toBe(expected);
  });
  it('is never one that the clocks skip', () => {
    const spring = Date.UTC(2026, 2, 28, 12, 0, 0);
    expect(() => readMoment('2026-03-29 02:30', spring, 'Europe/Vienna')).toThrow(/skip that time/);
    expect(new Date(readMoment('2026-03-29 03:30', spring, 'Europe/Vienna')).toISOString()).toBe('2026-03-29T01:30:00.000Z');
  });
  it('is what a clock on the wall of its zone shows then', () => {
    const zones = ['UTC', 'Europe/Vienna', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Chatham', 'America/Sao_Paulo'];
    fc.assert(
      fc.property(fc.constantFrom(...zones), fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }), (zone, hour, minute) => {
        const text = `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`;
        const moment = readMoment(text, now, zone);
        expect(moment).toBeGreaterThan(now);
        expect(moment - now).toBeLessThanOrEqual(86_400_000);
        const shown = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(
          moment,
        );
        expect(shown).toBe(text);
      }),
    );
  });
});
