import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo, waiting } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { type FlagValues, flagsWithout, flagValues, whyUnfit } from '../../gcp/flags.ts';
import type { Instance } from '../../gcp/types.ts';
import { measuringOutage } from '../../postgres/outage.ts';
import { refuseLogicalSlots, replicationSettings, tooSmall } from '../../postgres/replication-settings.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql'>;
const restartMs = 15 * 60_000;
const reminder =
  'Infrastructure code does not know these flags and would take them back (and restart): freeze its applies until import-into-terraform.';

/** Arrays are replaced whole by the API, so every flag of the instance is sent: one patch, one restart. */
export const enableReplicationFlags: Step<Needs> = {
  id: 'enable-replication-flags',
  title: 'Enable logical replication on the source',
  impact: 'restart',
  gate: { question: 'Restart the source now to enable logical replication? Connections are lost for some seconds.' },

  async check(clients, run) {
    const { target, cloudSql } = clients;
    const instance = await instanceOf(clients);
    const busy = (await cloudSql.runningOperations(target.source))[0];
    if (busy) return waiting(`${busy.operationType} of ${target.source} is ${busy.status}`, 2_000);
    const missing = await missingFlags(clients, instance);
    const names = Object.keys(missing);
    const outage = run.recall<number>('outage-ms');
    if (names.length === 0)
      return done(
        `logical replication is on${outage === undefined ? '' : `; the restart took ${(outage / 1000).toFixed(1)} s of connections`}`,
      );
    const before = flagValues(instance.settings?.databaseFlags);
    if (names.every((name) => before[name] === missing[name]))
      return blocked(
        'postgres.flags-not-effective',
        `${names.join(', ')} are set on ${target.source} and not in effect.`,
        'Restart the instance, then press Retry.',
      );
    const offered = await cloudSql.flags(instance.databaseVersion ?? '');
    for (const name of names) {
      const why = whyUnfit(name, missing[name] ?? '', offered, instance.databaseVersion ?? '');
      if (why !== undefined)
        return blocked(
          'gcp.flag-unfit',
          `Flag ${name}=${missing[name]} cannot be set on ${target.source}: ${why}.`,
          'Choose fewer databases or another tier, then press Retry.',
        );
    }
    const kept = Object.keys(before).filter((name) => !(name in missing));
    return todo(
      [
        ...names.map((name) => `${target.source}: flag ${name} ${before[name] ?? '(not set)'} → ${missing[name]}`),
        `one patch of ${target.source} with the whole flag list${kept.length > 0 ? ` (unchanged: ${kept.join(', ')})` : ''}; it restarts once`,
      ],
      { shown: [reminder], gate: names.some((name) => offered.find((flag) => flag.name === name)?.requiresRestart !== false) },
    );
  },

  async apply(clients, run) {
    const instance = await instanceOf(clients);
    const before = flagValues(instance.settings?.databaseFlags);
    const missing = await missingFlags(clients, instance);
    if (Object.keys(missing).length === 0) return;
    if (run.recall('before') === undefined) await run.record('before', before);
    await run.record('set', { ...run.recall<FlagValues>('set'), ...missing });
    await patchAndMeasure(clients, run, instance, { ...before, ...missing });
  },

  undo: {
    ask: 'Take the replication flags of the source back? It restarts once more.',
    keep: 'the flags cost a little more WAL and nothing else; the next migration needs them again',
    async undo(clients, run) {
      const before = run.recall<FlagValues>('before');
      const set = Object.keys(run.recall<FlagValues>('set') ?? {});
      if (!before || set.length === 0) return;
      await refuseLogicalSlots(await clients.postgres.database('source', 'postgres'));
      const instance = await instanceOf(clients);
      const now = flagValues(instance.settings?.databaseFlags);
      const wanted = flagsWithout(now, set, before);
      if (JSON.stringify(Object.entries(wanted).sort()) !== JSON.stringify(Object.entries(now).sort()))
        await patchAndMeasure(clients, run, instance, wanted);
    },
  },
};

async function patchAndMeasure({ target, cloudSql, postgres }: Needs, run: RunView, instance: Instance, flags: FlagValues): Promise<void> {
  const sql = await postgres.database('source', 'postgres');
  const { outageMs } = await measuringOutage(
    () => sql.look('select 1'),
    async () => {
      const databaseFlags = Object.entries(flags).map(([name, value]) => ({ name, value }));
      const operation = await cloudSql.patchInstance(target.source, {
        settings: { settingsVersion: instance.settings?.settingsVersion ?? null, databaseFlags },
      });
      await run.record('operation', operation);
      await cloudSql.wait(operation, { signal: run.signal, timeoutMs: restartMs });
    },
    { signal: run.signal, settleMs: restartMs },
  );
  await run.record('outage-ms', outageMs);
}

async function instanceOf({ target, cloudSql }: Needs): Promise<Instance> {
  const instance = await cloudSql.instance(target.source);
  if (!instance)
    throw new NeedsHuman('gcp.not-found', `Instance ${target.source} does not exist.`, {
      remedy: 'Look at the project, then press Retry.',
    });
  return instance;
}

/** What SQL shows is what counts: a flag may be set and not in effect. */
async function missingFlags({ target, cloudSql, postgres }: Needs, instance: Instance): Promise<FlagValues> {
  const now = await replicationSettings(await postgres.database('source', 'postgres'));
  const databases = (await postgres.databases('source')).length;
  const missing: Record<string, string> = {};
  if (now.walLevel !== 'logical') missing['cloudsql.logical_decoding'] = 'on';
  if (!now.pglogicalLoaded) missing['cloudsql.enable_pglogical'] = 'on';
  for (const { name, needs } of tooSmall(now, databases)) missing[name] = String(needs);
  if (Object.keys(missing).length > 0 && now.maxSlotWalKeepMb === -1) {
    const settable = (await cloudSql.flags(instance.databaseVersion ?? '')).some((flag) => flag.name === 'max_slot_wal_keep_size');
    const half = (Number(instance.settings?.dataDiskSizeGb ?? 0) * 1024) / 2;
    if (settable) missing['max_slot_wal_keep_size'] = String(Math.round(Math.max(half, target.wayBack.maxRetainedWal / 1024 ** 2)));
  }
  return missing;
}
