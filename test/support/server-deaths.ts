import type { Cluster } from '../../sandbox/types.ts';

/** Killed by its pid it comes back by itself, as an instance of Cloud SQL does. */
export function killServer(cluster: Cluster): void {
  const pid = cluster.pid();
  if (pid === undefined) throw new Error(`${cluster.name} does not run`);
  process.kill(pid, 'SIGKILL');
}

/** It dies and stays away until it is restarted. Gives what starts it again where nobody has. */
export async function crashServer(cluster: Cluster): Promise<() => Promise<unknown>> {
  await cluster.crash();
  return () => (cluster.running() ? Promise.resolve() : cluster.restart());
}
