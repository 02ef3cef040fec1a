import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OpenSet } from '../../src/validator/proof/open-set.ts';

const closeAll = (open: OpenSet, table: string) => {
  for (const [one, named] of open.keysOf(table, 1_000)) open.close(table, one, named);
};

describe('the open set', () => {
  test('a row that is named while it is read stays open', () => {
    const open = new OpenSet();
    open.name('t', ['1'], 'source', 10n);
    const read = open.keysOf('t', 10);
    open.name('t', ['1'], 'source', 20n);
    for (const [one, named] of read) open.close('t', one, named);
    expect(open.size).toBe(1);
    closeAll(open, 't');
    expect(open.size).toBe(0);
  });

  test('a whole table is closed by what began after its last naming only', () => {
    const open = new OpenSet();
    open.name('t', ['1'], 'source', 10n);
    open.name('t', undefined, 'destination', 11n);
    const whole = open.wholeOf('t');
    open.name('t', ['2'], 'source', 12n);
    if (whole) open.close('t', ...whole);
    expect(open.openTables.whole).toEqual(['t']);
  });

  test('beyond its end the rows of a table become the table, and hold what they held', () => {
    const open = new OpenSet();
    for (let key = 0; key <= 50_000; key++) open.name('t', [String(key)], 'source', BigInt(100 + key));
    expect(open.size).toBe(0);
    expect(open.openTables).toEqual({ byKey: [], whole: ['t'] });
    expect(open.confirmable('source', 1_000_000n)).toBe(100n);
  });

  /** The promise that a crash loses nothing: whatever is open is named again by a feed that begins at the confirmed position. */
  test('nothing that is open was named for the last time before the confirmed position', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('name' as const),
        key: fc.integer({ min: 0, max: 5 }),
        side: fc.constantFrom('source' as const, 'destination' as const),
      }),
      fc.record({ kind: fc.constant('close' as const), key: fc.integer({ min: 0, max: 5 }) }),
      fc.record({ kind: fc.constant('postpone' as const), key: fc.integer({ min: 0, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const open = new OpenSet();
        const last = { source: new Map<string, bigint>(), destination: new Map<string, bigint>() };
        let lsn = 100n;
        for (const one of steps) {
          const key = String(one.key);
          const found = open.keysOf('t', 100).find(([each]) => each.key[0] === key);
          lsn += 10n;
          if (one.kind === 'name') {
            open.name('t', [key], one.side, lsn - 10n);
            last[one.side].set(key, lsn);
          } else if (found && one.kind === 'close') {
            open.close('t', ...found);
            for (const side of [last.source, last.destination]) side.delete(key);
          } else if (found) open.postpone('t', found[0]);
        }
        for (const side of ['source', 'destination'] as const) {
          const confirmed = open.confirmable(side, lsn);
          for (const [each] of open.keysOf('t', 100)) {
            const named = last[side].get(String(each.key[0]));
            // Its transaction ended behind what is confirmed.
            if (named !== undefined) expect(named > confirmed).toBe(true);
          }
        }
      }),
    );
  });
});
