import { type ChildProcess, fork } from 'node:child_process';
import type { PodSettings } from '../pods/messages.ts';

/**
 * Processes that have loaded a pod's program and wait to be told who they are, as many as pods run: a whole restart of them.
 * What it costs the machine to start a program is no part of what a cutover costs; on two cores it was most of the pods' share.
 */
export function createWarmPods(entry: string) {
  const idle = new Set<ChildProcess>();
  let refill: NodeJS.Timeout | undefined;

  function begin(): ChildProcess {
    const { PATH } = process.env;
    return fork(entry, [], { env: { PATH }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
  }

  function keepWarm(): void {
    const one = begin();
    // Nobody waits for it: the sandbox may end while it is idle, and it with the sandbox.
    one.unref();
    one.channel?.unref();
    idle.add(one);
    one.once('exit', () => idle.delete(one));
  }

  return {
    /** A process for one pod: the settings are the first message that it hears. */
    take(settings: PodSettings): ChildProcess {
      const [warm] = idle;
      if (warm) idle.delete(warm);
      const taken = warm ?? begin();
      taken.ref();
      taken.channel?.ref();
      // One that has ended meanwhile says so by its exit.
      taken.send(settings, () => undefined);
      return taken;
    },
    /** Once no pod was started for a second, so that it is in nobody's way. */
    fillUpTo(count: number): void {
      clearTimeout(refill);
      refill = setTimeout(() => {
        while (idle.size < count) keepWarm();
      }, 1_000);
      refill.unref();
    },
    close(): void {
      clearTimeout(refill);
      for (const one of idle) one.kill('SIGKILL');
    },
  };
}
