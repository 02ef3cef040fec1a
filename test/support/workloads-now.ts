import type { World } from '../../sandbox/world.ts';

/**
 * What every deployment asks for, and with which settings its pods run. A request that a stopped worker had checked and not yet sent goes
 * out when it wakes up; to ask for what is so has no effect, and anything else shows here.
 */
export function workloadsNow(world: Pick<World, 'deployments'>): readonly string[] {
  return world.deployments
    .list()
    .map(({ namespace, name, replicas, generation, environment }) =>
      JSON.stringify([namespace, name, replicas, generation, Object.entries(environment).sort()]),
    )
    .sort();
}
