import { describe, expect, it } from 'vitest';
import { intendedOf } from '../../src/validator/intended.ts';

const one = (kind: string, object: string, destination: string | null, reason = 'why') => ({
  database: 'inapp',
  kind,
  object,
  source: 'x',
  destination,
  reason,
});

describe('the differences that a run intends', () => {
  it('are one line a kind, with the roles that lack a right on the destination', () => {
    expect(
      intendedOf({
        expected: [
          one('owner', 'table public.a', 'cloudsqlexternalsync', 'until the hand-over'),
          one('owner', 'table public.b', 'cloudsqlexternalsync', 'until the hand-over'),
          one('grant', 'table public.a to bigquery', null),
          one('grant', 'table public."b to c" to bigquery', null),
          one('grant', 'table public.a to "odd to name"', null),
          one('grant', 'table public.a to app', 'SELECT'),
          one('default-privilege', 'app in public on tables to x', null),
        ],
      }),
    ).toEqual([
      '2 owners: until the hand-over',
      '4 grants (not on the destination: bigquery 2, "odd to name" 1): why',
      '1 default privilege (not on the destination: x 1): why',
    ]);
  });

  it('of many roles are cut', () => {
    const [line] = intendedOf({ expected: Array.from({ length: 20 }, (_, i) => one('grant', `table t to r${i}`, null)) });
    expect(line).toContain('r11 1, 8 more roles');
  });
});
