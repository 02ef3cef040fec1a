import { describe, expect, it } from 'vitest';
import { hoursLeft } from '../../src/steps/prepare-the-destination/wait-for-sync.ts';

const GB = 1024 ** 3;
const hour = 3_600_000;

describe('the WAL that the slots keep', () => {
  it.each([
    ['10 GB in two hours, 100 GB free', { bytes: 10 * GB, free: 100 * GB, ageMs: 2 * hour }, 'about 20 h'],
    ['faster than the disk allows', { bytes: 90 * GB, free: 10 * GB, ageMs: hour }, 'less than an hour'],
    ['more than there is room', { bytes: 90 * GB, free: -1, ageMs: hour }, 'less than an hour'],
    ['hardly anything', { bytes: GB / 10_000, free: 100 * GB, ageMs: hour }, undefined],
    ['a copy of seconds', { bytes: 10 * GB, free: 100 * GB, ageMs: 10_000 }, undefined],
    ['years', { bytes: GB / 100, free: 100 * GB, ageMs: 24 * hour }, undefined],
  ])('%s', (_name, kept, words) => {
    expect(hoursLeft(kept)).toBe(words);
  });
});
