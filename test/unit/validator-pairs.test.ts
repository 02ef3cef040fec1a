import { expect, it } from 'vitest';
import { NeedsHuman, Transient } from '../../src/errors.ts';
import type { Side } from '../../src/postgres/types.ts';
import { both, type Pair } from '../../src/validator/pairs.ts';
import type { Session } from '../../src/validator/session.ts';

/** Two sessions whose statements last until they fail or their session is ended. */
function slowPair() {
  const fail = new Map<Side, (error: Error) => void>();
  const ended: Side[] = [];
  const session = (side: Side) =>
    ({
      side,
      end: async () => {
        ended.push(side);
        fail.get(side)?.(new Transient('postgres.unreachable', `No connection on the ${side}: Connection terminated.`));
      },
    }) as Partial<Session> as Session;
  const pair: Pair = { source: session('source'), destination: session('destination') };
  const work = both(pair, ({ side }) => new Promise<never>((_, reject) => fail.set(side, reject)));
  return { work, ended, fails: (side: Side, error: Error) => fail.get(side)?.(error) };
}

it.each(['source', 'destination'] as const)('a lost %s ends the other side at once, and is what is told', async (side) => {
  const { work, ended, fails } = slowPair();
  fails(side, new Transient('postgres.unreachable', `No connection on the ${side}: ECONNRESET.`));
  await expect(work).rejects.toThrow(`No connection on the ${side}: ECONNRESET.`);
  expect(ended).toEqual([side === 'source' ? 'destination' : 'source']);
});

it('what fails for another reason leaves the other side’s session to the next table', async () => {
  const { work, ended, fails } = slowPair();
  fails('destination', new NeedsHuman('postgres.permission-denied', 'not allowed', { remedy: '' }));
  fails('source', new Transient('postgres.lock-timeout', 'locked'));
  await expect(work).rejects.toThrow('locked');
  expect(ended).toEqual([]);
});
