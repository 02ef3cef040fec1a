import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo } from '../../engine/step.ts';
import type { InstanceSettings } from '../../gcp/types.ts';

type Needs = Pick<Clients, 'target' | 'cloudSql'>;

/** "Multiple zones" in the console. It was off until now because the demotion refuses it. */
export const enableHighAvailability: Step<Needs> = {
  id: 'enable-high-availability',
  title: 'Enable high availability (multiple zones)',
  impact: 'none',

  async check({ target, cloudSql }, run) {
    const instance = await cloudSql.instance(target.destination);
    if (!instance)
      return blocked('gcp.not-found', `Instance ${target.destination} does not exist.`, 'Look at the project, then press Retry.');
    const now = instance.settings?.availabilityType ?? 'ZONAL';
    const wanted = wantedType({ target }, run);
    return now === wanted ? done(`${target.destination} is ${now}`) : todo([`${target.destination}: availabilityType ${now} → ${wanted}`]);
  },

  async apply({ target, cloudSql }, run) {
    const instance = await cloudSql.instance(target.destination);
    const operation = await cloudSql.patchInstance(target.destination, {
      settings: { settingsVersion: instance?.settings?.settingsVersion ?? null, availabilityType: wantedType({ target }, run) },
    });
    await run.record('operation', operation);
    await cloudSql.wait(operation, { signal: run.signal, timeoutMs: 30 * 60_000 });
  },

  async undo({ target, cloudSql }, run) {
    if (!(await cloudSql.instance(target.destination))) return;
    await cloudSql.wait(await cloudSql.patchInstance(target.destination, { settings: { availabilityType: 'ZONAL' } }), {
      signal: run.signal,
      timeoutMs: 30 * 60_000,
    });
  },
};

function wantedType({ target }: Pick<Needs, 'target'>, run: RunView): string {
  if (target.highAvailability !== 'as-source') return target.highAvailability.toUpperCase();
  return run.recall<InstanceSettings>('source-settings', 'create-destination')?.availabilityType ?? 'ZONAL';
}
