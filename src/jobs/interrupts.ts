import { fold } from '../engine/fold.ts';
import type { RunState } from '../engine/state.ts';
import type { Jobs } from './jobs.ts';
import type { Lease } from './lease.ts';

export interface Interrupts {
  /** Watches the run for what must end an execution of it. Gives the signal and the end of the watch. */
  during(run: string, lease: Lease): { readonly signal: AbortSignal; end(): void };
  close(): Promise<void>;
}

/** Hears pause, abort and give-back by pub/sub, and re-reads every second as a net. */
export async function watchForInterrupts(jobs: Jobs): Promise<Interrupts> {
  const open = new Map<symbol, { readonly run: string; look(): void }>();
  const end = await jobs.log.watch((run) => {
    for (const one of open.values()) if (one.run === run) one.look();
  });
  return {
    during(run, lease) {
      const controller = new AbortController();
      const look = () => {
        jobs.log.read(run).then(
          (facts) => {
            const why = interruption(fold(facts, jobs.shape));
            if (why === undefined || controller.signal.aborted) return;
            // Giving back waits for nobody: an execution that does not listen loses the run when its lease runs out.
            if (why === 'giving-back') lease.stopRenewing();
            controller.abort(new Error(`interrupted: the run is ${why}`));
          },
          () => undefined,
        );
      };
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

function interruption(state: RunState): string | undefined {
  switch (state.status) {
    case 'pausing':
    case 'paused':
    case 'aborting':
    case 'undoing':
    case 'giving-back':
    case 'finished':
    case 'aborted':
      return state.status;
    case 'nothing':
    case 'running':
    case 'waiting-gate':
    case 'waiting-task':
    case 'blocked':
      return undefined;
    default:
      return state.status satisfies never;
  }
}
