import type { Execution } from '../../src/engine/execution.ts';
import { type Fact, type FactBody, needsLease } from '../../src/engine/facts.ts';
import type { RunLog } from '../../src/engine/ports.ts';
import { shapeOf, stepsOf } from '../../src/engine/shape.ts';
import type { Runbook } from '../../src/engine/step.ts';

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

/** An execution that owns the run of that log, as a worker would have it; `more`: what matters to the test. */
export function executionOver<C>(
  memory: ReturnType<typeof memoryLog>,
  runbook: Runbook<C>,
  clients: C,
  more: Partial<Execution<C>> = {},
): Execution<C> {
  return {
    run: 'PG-1',
    log: memory.log,
    shape: shapeOf(runbook),
    steps: stepsOf(runbook),
    clients,
    token: memory.acquire(),
    signal: new AbortController().signal,
    deadlineMs: 60_000,
    gateExpiresMs: 60_000,
    now: Date.now,
    nonce: () => 'n',
    pause: async () => undefined,
    mayGiveBack: async () => 'yes',
    ...more,
  };
}
