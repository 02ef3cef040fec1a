import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Cluster } from '../../sandbox/types.ts';

/** A server whose processes all stand still: it takes connections and answers nothing. Gives the function that wakes it. */
export async function freeze(cluster: Cluster): Promise<() => void> {
  const postmaster = cluster.pid();
  if (postmaster === undefined) throw new Error(`${cluster.name} does not run`);
  process.kill(postmaster, 'SIGSTOP');
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(postmaster)]);
  const all = [
    postmaster,
    ...stdout
      .split('\n')
      .map(Number)
      .filter((pid) => pid > 0),
  ];
  for (const pid of all) process.kill(pid, 'SIGSTOP');
  return () => {
    for (const pid of all)
      try {
        process.kill(pid, 'SIGCONT');
      } catch (error) {
        // One that was at its end already: its postmaster, woken first, has buried it.
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
  };
}
