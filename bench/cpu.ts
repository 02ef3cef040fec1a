import { readFile } from 'node:fs/promises';

/** Linux counts in ticks of 10 ms wherever Node runs. */
const ticksPerSecond = 100;

/** CPU seconds of server processes and of their children that have ended (every session of a run has). */
export async function cpuSeconds(pids: readonly number[]): Promise<number> {
  // A backend's time is added to its postmaster when that has reaped it: a moment after the socket closes.
  await new Promise((resolve) => setTimeout(resolve, 300));
  const ticks = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // The fields after the command's closing parenthesis; utime, stime, cutime, cstime are 14 to 17 in proc(5).
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    }),
  );
  return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond;
}
