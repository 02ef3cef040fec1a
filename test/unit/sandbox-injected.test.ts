import { describe, expect, it } from 'vitest';
import { type Injected, isCaught, whatCameOfIt } from '../../sandbox/injected.ts';

const injected: Injected = {
  table: 'public.campaign',
  key: 'id=7',
  column: 'priority',
  source: '3',
  destination: '4',
  shown: ['id=7', '- priority 3', '+ priority 4'],
  givenBack: true,
  repaired: true,
};
const report = {
  outages: [
    { from: 0, to: 8_900, end: 'given-back' },
    { from: 20_000, to: 29_000, end: 'switched' },
  ],
  troubles: [{ code: 'validation.differs' }],
};

describe('the demo’s injected difference', () => {
  it('is caught when it stopped the cutover, the writes came back and people saw the row', () => {
    expect(isCaught(injected, report)).toBe(true);
    expect(whatCameOfIt(injected, report)).toBe(
      '✅ the difference was found before the promotion: public.campaign id=7, priority 3 → 4; the channel showed the row, the writes were given back after 8.9 s, and the second try went through',
    );
  });
  it('is not caught when any of it is missing', () => {
    expect(isCaught(undefined, report)).toBe(false);
    expect(isCaught({ ...injected, shown: [] }, report)).toBe(false);
    expect(isCaught({ ...injected, givenBack: false }, report)).toBe(false);
    expect(isCaught(injected, { ...report, outages: report.outages.slice(1) })).toBe(false);
    expect(isCaught(injected, { ...report, troubles: [] })).toBe(false);
    expect(whatCameOfIt({ ...injected, shown: [] }, report)).toMatch(/^❌ .*given back: yes, shown: no$/);
  });
});
