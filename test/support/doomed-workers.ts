import type { BotProcesses } from '../../sandbox/processes.ts';
import type { World } from '../../sandbox/world.ts';
import { type FactTap, factTap, type SentFact } from './fact-tap.ts';

type Signal = 'SIGKILL' | 'SIGSTOP';
/**
 * What happens to the worker that sends this fact: nothing; killed or stopped before the fact is in the log, or so many ms
 * after it is there. A step that ends sooner is hit right before its end is in the log. What a stopped worker was
 * sending arrives when it is continued.
 */
export type Fate = 'live' | { readonly signal: Signal; readonly when: 'before' | number };

export interface Hit {
  readonly fact: SentFact;
  readonly signal: Signal;
  readonly at: number;
  /** Continues a stopped worker, lets it find out where it is, and ends it. Gives its exit code. */
  wake(): Promise<number | null>;
}
export interface Workers {
  readonly hits: readonly Hit[];
  onHit(listener: (hit: Hit) => void): void;
  /** The first hit of all. */
  readonly next: Promise<Hit>;
  /** Rejects when a worker could not be started or ended by itself. */
  readonly failed: Promise<never>;
  add(environment?: Readonly<Record<string, string>>): Promise<void>;
  /** Ends the workers that are left, and their proxies. */
  close(): Promise<void>;
}

/** Workers of production's entry point, each behind a proxy of its own; `replace`: for every one that is hit another one is started. */
export function doomedWorkers(
  world: World,
  request: { fateOf(fact: SentFact): Fate; readonly replace?: Readonly<Record<string, string>> },
): Workers {
  const hits: Hit[] = [];
  const listeners: ((hit: Hit) => void)[] = [];
  const taps: FactTap[] = [];
  const workers: Promise<BotProcesses>[] = [];
  let closing = false;
  let fail: (error: unknown) => void = () => undefined;
  const next = new Promise<Hit>((resolve) => listeners.push(resolve));
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);

  async function add(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    let doomed: { readonly fact: SentFact; readonly signal: Signal } | undefined;
    let struck = false;
    let release: () => void = () => undefined;
    const awake = new Promise<void>((resolve) => {
      release = resolve;
    });
    const strike = (fact: SentFact, signal: Signal) => {
      if (struck) return;
      struck = true;
      started
        .then((worker) => {
          worker.kill(signal);
          const hit: Hit = { fact, signal, at: Date.now(), wake: () => wake(worker) };
          hits.push(hit);
          for (const tell of listeners) tell(hit);
          if (request.replace && !closing) add(request.replace).catch(fail);
        })
        .catch(fail);
    };
    const wake = async (worker: BotProcesses) => {
      const spoken = tap.answered();
      release();
      worker.kill('SIGCONT');
      await Promise.race([spoken, worker.exited]);
      worker.kill('SIGTERM');
      return worker.exited;
    };
    const tap = await factTap(world.environment.REDIS_URL, (fact) => {
      if (doomed) {
        if (fact.type !== 'step.done' || fact.step !== doomed.fact.step) return 'pass';
        strike(doomed.fact, doomed.signal);
        return { until: awake };
      }
      const fate = request.fateOf(fact);
      if (fate === 'live') return 'pass';
      const { signal, when } = fate;
      doomed = { fact, signal };
      if (when === 'before') {
        strike(fact, signal);
        return { until: awake };
      }
      return { tell: () => void setTimeout(() => strike(fact, signal), when) };
    });
    taps.push(tap);
    const started = world.start('worker', { environment: { REDIS_URL: tap.url, ...environment } });
    workers.push(started);
    const worker = await started;
    void worker.exited.then((code) => {
      if (!doomed && !closing) fail(new Error(`a worker that nobody had hit ended with ${code}`));
    });
  }

  return {
    hits,
    onHit: (listener) => void listeners.push(listener),
    next,
    failed,
    add,
    async close() {
      closing = true;
      const all = await Promise.allSettled(workers);
      await Promise.all(all.map((one) => (one.status === 'fulfilled' ? one.value.close() : undefined)));
      await Promise.all(taps.map((tap) => tap.close()));
    },
  };
}
