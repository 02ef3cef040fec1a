import type { Target } from '../config/schema.ts';

type WorkloadSettings = Target['workloads'][string];

const byPlace = (target: Pick<Target, 'workloads'>, place: (workload: WorkloadSettings) => number | undefined) =>
  Object.entries(target.workloads)
    .flatMap(([name, workload]) => {
      const at = place(workload);
      return at === undefined ? [] : [{ name, at }];
    })
    .sort((left, right) => left.at - right.at || left.name.localeCompare(right.name));

/** Those with the lowest `stop` come first (the workers); the second group is everybody else who is stopped (the web). */
export function stopped(target: Pick<Target, 'workloads'>, group: 'first' | 'rest'): readonly string[] {
  const all = byPlace(target, ({ stop }) => stop);
  const first = all[0]?.at;
  return all.filter(({ at }) => (group === 'first' ? at === first : at !== first)).map(({ name }) => name);
}

/** In the order in which they start; each inner list may start at once. Those without a place of their own follow last. */
export function startOrder(target: Pick<Target, 'workloads'>): readonly (readonly string[])[] {
  const all = byPlace(target, ({ start, stop }) => start ?? (stop === undefined ? undefined : Number.MAX_SAFE_INTEGER));
  const places = [...new Set(all.map(({ at }) => at))];
  return places.map((place) => all.filter(({ at }) => at === place).map(({ name }) => name));
}

/** Workloads that are held at other replicas while data is copied. */
export function held(target: Pick<Target, 'workloads'>): readonly { readonly name: string; readonly workload: WorkloadSettings }[] {
  return Object.entries(target.workloads)
    .filter(([, workload]) => workload.during !== undefined)
    .map(([name, workload]) => ({ name, workload }));
}
