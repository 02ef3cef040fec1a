import { type Fact, type FactBody, needsLease } from '../../src/engine/facts.ts';
import type { RunLog } from '../../src/engine/ports.ts';

/** The run log's rules in memory, for properties over many interleavings; `turn` is awaited before every call. */
export function memoryLog(first: readonly FactBody[], turn: () => Promise<unknown>) {
  const facts: Fact[] = first.map((fact, at) => ({ at, ...fact }));
  let owner = 0;
  const log: Pick<RunLog, 'read' | 'append' | 'setProgress'> = {
    async read() {
      await turn();
      return [...facts];
    },
    async append(_run, seen, bodies, token) {
      await turn();
      if (facts.length !== seen) return 'stale';
      const owned = bodies.some((body) => body.type in needsLease);
      if ((owned || token !== undefined) && token !== owner) return 'not-owner';
      facts.push(...bodies.map((body): Fact => ({ at: facts.length, ...body })));
      return 'appended';
    },
    async setProgress() {},
  };
  return {
    log,
    facts: facts as readonly Fact[],
    acquire: () => {
      owner += 1;
      return owner;
    },
    isOwner: (token: number) => token === owner,
  };
}
