import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, todo } from '../../engine/step.ts';
import { type FlagValues, flagsWithout, flagValues } from '../../gcp/flags.ts';
import type { Instance } from '../../gcp/types.ts';
import { refuseLogicalSlots } from '../../postgres/replication-settings.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql'>;
const restartMs = 15 * 60_000;

/** Nobody is connected to the old instance any more, so its restart is felt by nobody. It matters where the instance is kept. */
export const removeReplicationFlags: Step<Needs> = {
  id: 'remove-replication-flags',
  title: 'Take the replication flags of the old instance back',
  impact: 'none',
  skippable: true,

  async check({ target, cloudSql }, run) {
    const instance = await cloudSql.instance(target.source);
    if (!instance) return done(`${target.source} is gone`);
    const { now, wanted } = flagsOf(instance, run);
    const changes = [...new Set([...Object.keys(now), ...Object.keys(wanted)])].filter((name) => now[name] !== wanted[name]);
    if (changes.length === 0) return done(`the flags of ${target.source} are as before the upgrade`);
    return todo([
      ...changes.map((name) => `${target.source}: flag ${name} ${now[name] ?? '(not set)'} → ${wanted[name] ?? '(not set)'}`),
      `one patch of ${target.source} with the whole flag list; it restarts once, with nobody connected`,
    ]);
  },

  async apply({ target, cloudSql, postgres }, run) {
    await refuseLogicalSlots(await postgres.database('source', 'postgres'));
    const instance = await cloudSql.instance(target.source);
    if (!instance) return;
    const { wanted } = flagsOf(instance, run);
    const databaseFlags = Object.entries(wanted).map(([name, value]) => ({ name, value }));
    const settings = { settingsVersion: instance.settings?.settingsVersion ?? null, databaseFlags };
    await cloudSql.wait(await cloudSql.patchInstance(target.source, { settings }), { signal: run.signal, timeoutMs: restartMs });
  },

  undo: { irreversible: 'without the way back nothing replicates from or to the old instance' },
};

function flagsOf(instance: Instance, run: RunView): { readonly now: FlagValues; readonly wanted: FlagValues } {
  const now = flagValues(instance.settings?.databaseFlags);
  const set = run.recall<FlagValues>('set', 'enable-replication-flags') ?? {};
  return { now, wanted: flagsWithout(now, Object.keys(set), run.recall<FlagValues>('before', 'enable-replication-flags') ?? {}) };
}
