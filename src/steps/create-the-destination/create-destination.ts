import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, todo, waiting } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { unfit } from '../../gcp/adoption.ts';
import { cloneBody } from '../../gcp/instance-clone.ts';
import { masterName } from '../../gcp/names.ts';
import type { Instance, InstanceSettings } from '../../gcp/types.ts';
import { held } from '../../workloads/order.ts';

type Needs = Pick<Clients, 'target' | 'cloudSql' | 'secrets' | 'postgres'>;
const slow = { timeoutMs: 30 * 60_000 };

/** HA, backups and PITR stay off until the promotion: the demotion refuses them. What the source had is in the ledger. */
export const createDestination: Step<Needs> = {
  id: 'create-destination',
  title: 'Create the destination with the configuration of the current instance',
  impact: 'none',
  gate: { question: 'Create the destination instance with this configuration?' },

  async check(clients, run) {
    const { target, cloudSql } = clients;
    const [source, existing] = await Promise.all([cloudSql.instance(target.source), cloudSql.instance(target.destination)]);
    if (!source)
      return blocked(
        'gcp.not-found',
        `The source instance ${target.source} does not exist in project ${target.project}.`,
        'Correct currentVersion or the instance pattern in the service file.',
      );
    if (!existing) {
      const { differences } = await clone(clients, run, source);
      return todo(
        [
          `create ${target.destination}, PostgreSQL ${run.to}, from the configuration of ${target.source}`,
          ...differences.map(({ field, kind, from, to, why }) => `${kind} ${field}: ${from} → ${to}${why ? ` (${why})` : ''}`),
        ],
        { shown: waitsMeanwhile(clients) },
      );
    }
    if (existing.databaseVersion !== `POSTGRES_${run.to}`)
      return blocked(
        'gcp.wrong-version',
        `Instance ${target.destination} exists and is ${existing.databaseVersion}, not POSTGRES_${run.to}.`,
        'Remove or rename it, then press Retry.',
      );
    if (existing.state !== 'RUNNABLE') return waiting(`${target.destination} is ${existing.state}`, 3_000);
    if (existing.instanceType === 'READ_REPLICA_INSTANCE' && existing.masterInstanceName?.endsWith(masterName(target.destination)))
      return done(`${target.destination} already follows the source`);
    const changes = unfit(existing, databasesOf(clients));
    if (changes.length > 0)
      return todo([
        `adopt ${target.destination}, which exists, and change it:`,
        ...changes.map(({ field, from, to, why }) => `${field}: ${from} → ${to} (${why})`),
      ]);
    if (!(await passwordFits(clients)))
      return todo([`set the password of user postgres on ${target.destination} to the one in secret ${target.secrets['postgres']}`], {
        gate: false,
      });
    return done(`${target.destination} is there, ${existing.databaseVersion}, zonal, without backups`);
  },

  async apply(clients, run) {
    const { target, cloudSql } = clients;
    const source = await cloudSql.instance(target.source);
    if (!source)
      throw new NeedsHuman('gcp.not-found', `The source instance ${target.source} is gone.`, {
        remedy: 'Look at the project, then press Retry.',
      });
    await run.record('source-settings', source.settings ?? {});
    const existing = await cloudSql.instance(target.destination);
    if (existing) await adopt(clients, run, existing);
    else {
      const { body } = await clone(clients, run, source);
      // Before the call: a crash between the two must not leave an instance that nobody owns up to.
      await run.record('made', true);
      const operation = await cloudSql.insertInstance(body);
      await run.record('operation', operation);
      await cloudSql.wait(operation, { ...slow, signal: run.signal });
    }
    if (!(await passwordFits(clients)))
      await cloudSql.wait(await cloudSql.setPassword(target.destination, 'postgres', await password(clients)), {
        ...slow,
        signal: run.signal,
      });
  },

  undo: {
    ask: 'Delete the promoted instance, which was rolled back? What was written there is on the old instance.',
    askIf: { when: 'in a rollback, when it is promoted,', is: (run) => run.leg === 'rollback' && run.recall('made') === true },
    keep: 'it is closed to writers and costs money; delete it by hand before the next attempt',
    async undo({ target, cloudSql }, run) {
      if (run.recall('made') !== true) return;
      const existing = await cloudSql.instance(target.destination);
      if (existing) {
        const running = await cloudSql.runningOperations(target.destination);
        for (const operation of running) if (operation.name) await cloudSql.wait(operation.name, { ...slow, signal: run.signal });
        if (existing.settings?.deletionProtectionEnabled)
          await cloudSql.wait(await cloudSql.patchInstance(target.destination, { settings: { deletionProtectionEnabled: false } }), {
            ...slow,
            signal: run.signal,
          });
        await cloudSql.wait(await cloudSql.deleteInstance(target.destination), { ...slow, signal: run.signal });
      }
      const master = masterName(target.destination);
      if (await cloudSql.instance(master)) await cloudSql.wait(await cloudSql.deleteInstance(master), { ...slow, signal: run.signal });
    },
  },
};

/** Those of the service, and `postgres`. */
function databasesOf({ target }: Pick<Needs, 'target'>): number {
  return Object.keys(target.databases).length + 1;
}

async function clone({ target, cloudSql }: Needs, run: RunView, source: Instance) {
  return cloneBody(source, {
    name: target.destination,
    version: run.to,
    flagsOfTarget: await cloudSql.flags(`POSTGRES_${run.to}`),
    databases: databasesOf({ target }),
    labels: { 'managed-by': 'pgupgrade', 'pgupgrade-run': run.uid },
  });
}

async function adopt(clients: Needs, run: RunView, existing: Instance): Promise<void> {
  const { target, cloudSql } = clients;
  const changes = unfit(existing, databasesOf(clients));
  if (changes.length === 0) return;
  const settings: InstanceSettings = Object.assign({}, ...changes.map(({ patch }) => patch));
  const operation = await cloudSql.patchInstance(target.destination, {
    settings: { ...settings, settingsVersion: existing.settings?.settingsVersion ?? null },
  });
  await run.record('operation', operation);
  await cloudSql.wait(operation, { ...slow, signal: run.signal });
}

async function password({ target, secrets }: Needs): Promise<string> {
  const name = target.secrets['postgres'] ?? '';
  const value = await secrets.latest(name);
  if (value === undefined)
    throw new NeedsHuman('secret.missing', `Secret ${name} with the password of user postgres does not exist or is empty.`, {
      remedy: 'Add a version to it, then press Retry.',
    });
  return value;
}

async function passwordFits(clients: Needs): Promise<boolean> {
  try {
    const session = await clients.postgres.login('destination', 'postgres', 'postgres', await password(clients));
    await session.end();
    return true;
  } catch (error) {
    if (error instanceof NeedsHuman && error.code === 'postgres.password-refused') return false;
    throw error;
  }
}

/** Whoever lets the run begin hears what stands still for as long as data is copied. */
function waitsMeanwhile({ target }: Pick<Needs, 'target'>): readonly string[] {
  const quiet = held(target).map(({ name, workload }) => `${name} at ${workload.during ?? 0} replicas: what it works off waits`);
  const flags = Object.entries(target.flags).map(([name, { during }]) => `${name} ${during}`);
  const all = [...flags, ...quiet];
  return all.length > 0 ? [`from the copy until the switch no table or partition may be made: ${all.join(', ')}`] : [];
}
