import type { BotProcesses } from '../../sandbox/processes.ts';
import type { World } from '../../sandbox/world.ts';
import { factTap, type SentFact } from './fact-tap.ts';

/**
 * What happens to the worker that sends this fact: nothing; killed and the fact kept from the log; killed or stopped so
 * many ms after it is in the log.
 */
export type Fate = 'live' | 'die-before' | { readonly signal: 'SIGKILL' | 'SIGSTOP'; readonly afterMs: number };

export interface Hit {
  readonly fact: SentFact;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
  readonly at: number;
  readonly worker: BotProcesses;
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
  const taps: { close(): Promise<void> }[] = [];
  const workers: Promise<BotProcesses>[] = [];
  let closing = false;
  let fail: (error: unknown) => void = () => undefined;
  const next = new Promise<Hit>((resolve) => listeners.push(resolve));
  const failed = new Promise<never>((_, reject) => {
    fail = reject;
  });
  failed.catch(() => undefined);

  async function add(environment: Readonly<Record<string, string>> = {}): Promise<void> {
    let doomed: SentFact | undefined;
    let dying = false;
    let struck = false;
    const strike = (fact: SentFact, signal: Hit['signal']) => {
      if (struck) return;
      struck = true;
      started
        .then((worker) => {
          worker.kill(signal);
          const hit: Hit = { fact, signal, at: Date.now(), worker };
          hits.push(hit);
          for (const tell of listeners) tell(hit);
          if (request.replace && !closing) add(request.replace).catch(fail);
        })
        .catch(fail);
    };
    const tap = await factTap(world.environment.REDIS_URL, (fact) => {
      if (doomed) {
        // It was quicker than its death: this is the last moment that is still in the step.
        if (!dying || fact.type !== 'step.done' || fact.step !== doomed.step) return 'pass';
        strike(doomed, 'SIGKILL');
        return 'hold';
      }
      const fate = request.fateOf(fact);
      if (fate === 'live') return 'pass';
      doomed = fact;
      dying = fate === 'die-before' || fate.signal === 'SIGKILL';
      if (fate === 'die-before') {
        strike(fact, 'SIGKILL');
        return 'hold';
      }
      return { tell: () => void setTimeout(() => strike(fact, fate.signal), fate.afterMs) };
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
