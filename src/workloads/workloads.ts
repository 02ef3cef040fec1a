import type { Target } from '../config/schema.ts';
import { Fatal } from '../errors.ts';
import { createKubernetes } from './kubernetes.ts';
import type { Workloads } from './types.ts';

/**
 * The workloads of one service file. `guard` is awaited before every change (the run's lease).
 * A name that the file does not have is a broken invariant: Fatal `workloads.unknown`.
 */
export function createWorkloads(workloads: Target['workloads'], guard: () => Promise<void>): Workloads {
  const kubernetes = createKubernetes(guard);
  const find = (name: string) => {
    const workload = workloads[name];
    if (!workload) throw new Fatal('workloads.unknown', `The service file names no workload "${name}".`);
    return { driver: workload.driver, at: { name, namespace: workload.namespace, connection: workload.connection } };
  };
  const driven = (name: string) => {
    const { driver, at } = find(name);
    if (driver === 'manual') throw new Fatal('workloads.manual', `The workload "${name}" is changed by people, not by the bot.`);
    return at;
  };
  return {
    driver: (name) => find(name).driver,
    async observe(name) {
      const { driver, at } = find(name);
      return driver === 'manual' ? undefined : kubernetes.observe(at);
    },
    async undoneBy(name) {
      const { driver, at } = find(name);
      return driver === 'manual' ? [] : kubernetes.undoneBy(at);
    },
    async wanted(name) {
      const { driver, at } = find(name);
      return driver === 'manual' ? undefined : kubernetes.wanted(at);
    },
    scale: (name, replicas) => kubernetes.scale(driven(name), replicas),
    settled: (name, replicas, options) => kubernetes.settled(driven(name), replicas, options),
    set: (name, settings) => kubernetes.set(driven(name), settings),
  };
}
