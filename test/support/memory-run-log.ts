import { endsRun, type Fact, type FactBody } from '../../src/engine/facts.ts';
import type { Lock, ProofLook, RunLog, WayBackLook } from '../../src/engine/ports.ts';

export interface MemoryRunLog extends RunLog {
  /** As the worker writes: without looking at the length. */
  push(run: string, ...facts: readonly FactBody[]): void;
  /** Appends that lost their race. */
  stale(): number;
  clear(): void;
  /** Everything that is kept, to compare. */
  picture(): string;
}

/** A RunLog in memory with the compare-and-append of the one on Redis; every call takes a turn of the loop, so that races are races. */
export function memoryRunLog(clock: () => number = Date.now): MemoryRunLog {
  const logs = new Map<string, Fact[]>();
  const listeners = new Set<(run: string) => void>();
  const locks = new Map<string, Lock>();
  const progresses = new Map<string, Awaited<ReturnType<RunLog['progress']>>>();
  const wayBacks = new Map<string, WayBackLook>();
  const proofs = new Map<string, ProofLook>();
  let lost = 0;
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const header = (run: string) => {
    const first = logs.get(run)?.[0];
    return first?.type === 'run.started' ? first : undefined;
  };
  const active = (run: string) => {
    const last = logs.get(run)?.findLast((fact) => endsRun(fact) || fact.type === 'leg.begun');
    return last === undefined || last.type === 'leg.begun';
  };
  const tell = (run: string) => {
    for (const listener of listeners) listener(run);
  };
  const push = (run: string, ...facts: readonly FactBody[]) => {
    const log = logs.get(run) ?? [];
    logs.set(run, log);
    log.push(...facts.map((fact) => ({ ...fact, at: clock() })));
    tell(run);
  };
  return {
    push,
    stale: () => lost,
    clear: () => {
      logs.clear();
      locks.clear();
    },
    picture: () => JSON.stringify([[...logs], [...locks]]),
    lock: async ({ service, environment }, lock) => {
      const before = locks.get(`${service}/${environment}`);
      if (before) return { mine: false, lock: before };
      const made = { ...lock, at: clock() };
      locks.set(`${service}/${environment}`, made);
      return { mine: true, lock: made };
    },
    unlock: async ({ service, environment }) => {
      const before = locks.get(`${service}/${environment}`);
      locks.delete(`${service}/${environment}`);
      return before;
    },
    locks: async () => new Map(locks),
    start: async (request) => {
      await turn();
      const holder = [...logs.keys()].find((run) => {
        const one = header(run);
        return one?.service === request.service && one.environment === request.environment && active(run);
      });
      if (holder !== undefined) return { heldBy: holder };
      const locked = locks.get(`${request.service}/${request.environment}`);
      if (locked) return { locked };
      const run = `PG-${logs.size + 1}`;
      push(run, { type: 'run.started', ...request, run });
      return { started: run };
    },
    read: async (run) => {
      await turn();
      return [...(logs.get(run) ?? [])];
    },
    append: async (run, seen, facts) => {
      await turn();
      if ((logs.get(run)?.length ?? 0) !== seen) {
        lost += 1;
        return 'stale';
      }
      if (facts.some(({ type }) => type === 'leg.begun') && !active(run)) {
        const own = header(run);
        const holder = [...logs.keys()].find((one) => {
          const other = header(one);
          return one !== run && other?.service === own?.service && other?.environment === own?.environment && active(one);
        });
        if (holder !== undefined) return { heldBy: holder };
      }
      push(run, ...facts);
      return 'appended';
    },
    runs: async () =>
      [...logs.keys()].reverse().flatMap((run) => {
        const one = header(run);
        return one ? [{ run, service: one.service, environment: one.environment, active: active(run) }] : [];
      }),
    setProgress: async (run, step, progress) => {
      progresses.set(run, { ...progress, step, at: clock() });
      tell(run);
    },
    setWayBack: async (run, look) => {
      wayBacks.set(run, look);
      tell(run);
    },
    wayBack: async (run) => wayBacks.get(run),
    setProof: async (run, look) => {
      proofs.set(run, look);
      tell(run);
    },
    proof: async (run) => proofs.get(run),
    progress: async (run) => progresses.get(run),
    watch: async (listener) => {
      listeners.add(listener);
      return async () => {
        listeners.delete(listener);
      };
    },
  };
}
