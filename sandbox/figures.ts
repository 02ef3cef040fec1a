import { readFile } from 'node:fs/promises';
import type { World } from './world.ts';

/** How the bot itself does: milliseconds since the command began, megabytes of bot and worker while nothing runs. */
export interface Figures {
  readonly firstBoardMs: number | undefined;
  readonly idleMegabytes: number;
}

/** Resident memory of processes in MB, as the kernel counts it. */
export async function residentMegabytes(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(
    pids.map(async (pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)),
  );
  return Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1024);
}

/** Begins to look while the bot is idle; the answer is given when the run is over. */
export async function watchFigures(world: World, began: number): Promise<() => Figures> {
  const idleMegabytes = await residentMegabytes(Object.values(world.info().pids));
  let firstBoardMs: number | undefined;
  const off = world.slack.on((event) => {
    if (event.kind === 'message' && firstBoardMs === undefined) firstBoardMs = Date.now() - began;
  });
  return () => {
    off();
    return { firstBoardMs, idleMegabytes };
  };
}
