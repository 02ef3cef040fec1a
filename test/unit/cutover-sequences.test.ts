import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextOf, raiseTo, type SequenceState } from '../../src/postgres/sequences.ts';

const base: SequenceState = {
  schema: 'public',
  name: 's',
  owner: 'o',
  increment: '1',
  min: '1',
  max: '9223372036854775807',
  cycle: false,
  last: '1',
  called: false,
  readable: true,
};
const of = (changes: Partial<SequenceState>): SequenceState => ({ ...base, called: changes.last !== undefined, ...changes });

describe('raising a sequence', () => {
  it('goes a thousand beyond the source’s next value', () => {
    expect(raiseTo(of({ last: '41' }), base, null)?.to).toBe(1042n);
  });
  it('never lowers what is ahead already', () => {
    expect(raiseTo(of({ last: '41' }), of({ last: '5000' }), null)).toBeUndefined();
  });
  it('leaves a sequence alone that never gave a value', () => {
    expect(raiseTo(base, base, null)).toBeUndefined();
  });
  it('goes beyond the largest value of its column', () => {
    expect(raiseTo(of({ last: '41' }), base, '90000')).toEqual({ to: 90001n, beyondColumn: true, spent: false });
  });
  it('counts downwards where the increment is negative', () => {
    const down = { increment: '-2', min: '-100000', max: '-1' };
    expect(raiseTo(of({ ...down, last: '-11' }), of({ ...down, last: '-1', called: false }), null)?.to).toBe(-2013n);
    expect(raiseTo(of({ ...down, last: '-11' }), of({ ...down, last: '-9000' }), null)).toBeUndefined();
  });
  it('leaves a small sequence nine tenths of what it has', () => {
    expect(raiseTo(of({ last: '99', max: '1100' }), of({ max: '1100' }), null)?.to).toBe(200n);
  });
  it('hands out nothing again where the source has nothing left, nor where the column holds the last value', () => {
    const small = { max: '1000' };
    expect(raiseTo(of({ ...small, last: '1000' }), of(small), null)).toEqual({ to: 1000n, beyondColumn: false, spent: true });
    expect(raiseTo(of({ ...small, last: '1000' }), of({ ...small, last: '1000' }), null)).toBeUndefined();
    expect(raiseTo(of({ ...small, last: '999' }), of(small), null)).toEqual({ to: 1000n, beyondColumn: false, spent: false });
    expect(raiseTo(of({ ...small, last: '5' }), of(small), '1000')).toMatchObject({ to: 1000n, spent: true });
    const down = { increment: '-1', min: '-10', max: '-1', last: '-10' };
    expect(raiseTo(of(down), of({ ...down, last: '-1', called: false }), null)).toMatchObject({ to: -10n, spent: true });
  });
  it('holds a cycling sequence to its own values, not its column’s', () => {
    expect(raiseTo(of({ last: '5', max: '10', cycle: true }), of({ max: '10', cycle: true }), '10')?.to).toBe(6n);
  });
  it('passes 2^53 without losing a digit', () => {
    expect(raiseTo(of({ last: '9007199254740993' }), base, null)?.to).toBe(9007199254741994n);
  });
  it('ends beyond the source and within the bounds, whatever the sequence', () => {
    fc.assert(
      fc.property(
        fc.bigInt(1n, 50_000n),
        fc.bigInt(1n, 50_000n),
        fc.integer({ min: 1, max: 50 }),
        fc.boolean(),
        (ours, theirs, step, up) => {
          const bounds = up ? { increment: `${step}`, min: '1', max: '60000' } : { increment: `-${step}`, min: '-60000', max: '-1' };
          const sign = up ? 1n : -1n;
          const source = of({ ...bounds, last: String(ours * sign) });
          const destination = of({ ...bounds, last: String(theirs * sign) });
          const raise = raiseTo(source, destination, null);
          const after = raise?.to ?? nextOf(destination);
          expect(after * sign >= nextOf(source) * sign || after === BigInt(up ? bounds.max : bounds.min)).toBe(true);
          expect(after * sign >= nextOf(destination) * sign).toBe(true);
        },
      ),
    );
  });
});
