import { fold } from '../engine/fold.ts';
import type { RunState } from '../engine/state.ts';
import { isOfLeg } from '../engine/view.ts';
import type { Jobs } from './jobs.ts';
import type { Lease } from './lease.ts';

export interface Interrupts {
  /** Watches the run for what must end an execution of that step. Gives the signal and the end of the watch. */
  during(work: { readonly run: string; readonly step: string }, lease: Lease): { readonly signal: AbortSignal; end(): void };
  close(): Promise<void>;
}

/** Hears pause, abort and give-back by pub/sub, and re-reads every second as a net. */
export async function watchForInterrupts(jobs: Jobs): Promise<Interrupts> {
  const open = new Map<symbol, { readonly run: string; look(): void }>();
  const end = await jobs.log.watch((run) => {
    for (const one of open.values()) if (one.run === run) one.look();
  });
  return {
    during({ run, step }, lease) {
      const controller = new AbortController();
      const decide = async () => {
        const why = interruption(fold(await jobs.log.read(run), jobs.shape), step);
        if (why === undefined || controller.signal.aborted) return;
        // Giving back waits for nobody: an execution that does not listen loses the run when its lease runs out.
        if (why === 'giving-back') lease.stopRenewing();
        controller.abort(new Error(`interrupted: the run is ${why}`));
      };
      const look = coalesced(decide);
      const key = Symbol(run);
      open.set(key, { run, look });
      const timer = setInterval(look, jobs.timing.pollMs);
      look();
      return {
        signal: controller.signal,
        end() {
          clearInterval(timer);
          open.delete(key);
        },
      };
    },
    close: end,
  };
}

/** One look at a time, however often progress is told; a call during a look leads to one more after it. */
function coalesced(work: () => Promise<void>): () => void {
  let state: 'idle' | 'busy' | 'again' = 'idle';
  const start = (): void => {
    state = 'busy';
    // A look that fails is made again by the next tick.
    void work()
      .catch(() => undefined)
      .then(() => {
        const again = state === 'again';
        state = 'idle';
        if (again) start();
      });
  };
  return () => {
    if (state === 'idle') start();
    else state = 'again';
  };
}

function interruption(state: RunState, step: string): string | undefined {
  if (state.header && !isOfLeg(state, step)) return `on another leg: ${state.leg.name}`;
  switch (state.status) {
    case 'pausing':
    case 'paused':
    case 'aborting':
    case 'undoing':
    case 'giving-back':
    case 'finished':
    case 'aborted':
    case 'rolled-back':
    case 'retired':
      return state.status;
    case 'nothing':
    case 'planned':
    case 'running':
    case 'waiting-gate':
    case 'waiting-task':
    case 'blocked':
      return undefined;
    default:
      return state.status satisfies never;
  }
}
