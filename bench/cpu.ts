import { readFile } from 'node:fs/promises';

/** Linux counts in ticks of 10 ms wherever Node runs. */
const ticksPerSecond = 100;

/** CPU seconds of server processes and of their children that have ended (every session of a run has). */
export async function cpuOfServers(postmasters: readonly number[]): Promise<number> {
  // A backend's time is added to its postmaster when that has reaped it: a moment after the socket closes.
  await new Promise((resolve) => setTimeout(resolve, 300));
  return (await Promise.all(postmasters.map(cpuOf))).reduce((sum, each) => sum + each, 0);
}

/** CPU seconds of this process and of the programs that it ran to their end. */
export function ownCpu(): Promise<number> {
  return cpuOf(process.pid);
}

async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The fields after the command's closing parenthesis; utime, stime, cutime, cstime are 14 to 17 in proc(5).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0) / ticksPerSecond;
}
