import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, task, todo } from '../../engine/step.ts';
import { arrayOids } from '../../postgres/catalogue.ts';
import { typeSettings } from '../../workloads/custom-types.ts';
import { tellByHand } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'workloads' | 'postgres'>;
type Before = Readonly<Record<string, Readonly<Record<string, string | null>>>>;
const restartsWithinMs = 180_000;

/** The applications know array types by OID, and the new instance has others: "old,new", so that a rollback finds the old one. */
export const registerCustomTypes: Step<Needs> = {
  id: 'register-custom-types',
  title: 'Register the OIDs of the custom types',
  impact: 'restart',

  async check(clients, run) {
    const { target, workloads } = clients;
    if (Object.keys(target.customTypes).length === 0) return done('the service file names no custom types');
    const oids = await bothOids(clients);
    const missing = Object.keys(target.customTypes).filter((type) => (oids.get(type)?.length ?? 0) === 0);
    if (missing.length > 0)
      return blocked(
        'postgres.type-missing',
        `There is no type ${missing.join(', ')} on either side.`,
        'Correct customTypes in the service file, then press Retry.',
      );
    const settings = await typeSettings(workloads, target.customTypes, oids);
    const driven = settings.filter(({ byHand }) => !byHand);
    if (driven.length > 0)
      return todo(driven.map(({ workload, setting, from, to }) => `${workload}: ${setting} ${from ?? 'unset'} → ${to}`));
    const byHand = settings.filter((setting) => setting.byHand);
    if (byHand.length > 0 && run.answer === undefined)
      return task(
        byHand.map(({ workload, setting, to }) => `${workload}: ${setting}=${to}`),
        'the OIDs, again before the cutover',
      );
    return done(
      Object.entries(target.customTypes)
        .map(([type, { setting }]) => `${setting}=${(oids.get(type) ?? []).join(',')}`)
        .join('; '),
    );
  },

  async apply(clients, run) {
    const { target, workloads } = clients;
    const settings = (await typeSettings(workloads, target.customTypes, await bothOids(clients))).filter(({ byHand }) => !byHand);
    const before: Record<string, Record<string, string | null>> = {};
    for (const { workload, setting, from } of settings) before[workload] = { ...before[workload], [setting]: from ?? null };
    await run.record('before', { ...before, ...run.recall<Before | null>('before') });
    for (const workload of Object.keys(before)) {
      const all = settings.filter((one) => one.workload === workload).map(({ setting, to }) => [setting, to] as const);
      const replicas = (await workloads.wanted(workload))?.replicas ?? 0;
      await workloads.set(workload, Object.fromEntries(all));
      await workloads.settled(workload, replicas, { signal: run.signal, timeoutMs: restartsWithinMs });
    }
  },

  async undo({ target, workloads }, run) {
    for (const [workload, settings] of Object.entries(run.recall<Before | null>('before') ?? {})) await workloads.set(workload, settings);
    await run.record('before', null);
    const byHand = Object.values(target.customTypes).flatMap(({ setting, workloads: names }) =>
      names.filter((name) => workloads.driver(name) === 'manual').map((name) => `${name}: take the new OID out of ${setting}`),
    );
    await tellByHand(run.answer === undefined ? [] : byHand, run);
  },
};

async function bothOids({ target, postgres }: Needs): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>();
  for (const side of ['source', 'destination'] as const)
    for (const database of Object.keys(target.databases))
      for (const { typname, oid } of await arrayOids(await postgres.database(side, database), Object.keys(target.customTypes)))
        found.set(typname, [...new Set([...(found.get(typname) ?? []), String(oid)])]);
  return found;
}
