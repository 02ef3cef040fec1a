import type { Clients } from '../../clients.ts';
import { done, type Step, todo, waiting } from '../../engine/step.ts';
import { masterName, migrationJobId } from '../../gcp/names.ts';

/** An existing instance must become a replica of the source first; Google's console does it without saying so. */
export const demoteDestination: Step<Pick<Clients, 'target' | 'cloudSql' | 'dataMigration'>> = {
  id: 'demote-destination',
  title: 'Demote the destination to a replica of the source',
  impact: 'none',

  async check({ target, cloudSql }) {
    const master = masterName(target.destination);
    const instance = await cloudSql.instance(target.destination);
    if (instance?.instanceType === 'READ_REPLICA_INSTANCE' && instance.masterInstanceName?.endsWith(master)) {
      return instance.state === 'RUNNABLE'
        ? done(`${target.destination} is a replica of ${master}`)
        : waiting(`${target.destination} is ${instance.state}`, 2_000);
    }
    const running = await cloudSql.runningOperations(target.destination);
    if (running.length > 0)
      return waiting(`${target.destination}: ${running.map(({ operationType }) => operationType).join(', ')} is under way`, 2_000);
    return todo([`demote ${target.destination}; Google adds ${master}, which stands for the source`]);
  },

  async apply({ target, cloudSql, dataMigration }, run) {
    // A second demotion is refused.
    if ((await cloudSql.instance(target.destination))?.instanceType === 'READ_REPLICA_INSTANCE') return;
    const operation = await dataMigration.demoteDestination(migrationJobId(run));
    await run.record('operation', operation);
    await dataMigration.wait(operation, { signal: run.signal, timeoutMs: 15 * 60_000 });
  },

  undo: { keep: 'a demoted destination goes with the instance, which `create-destination` removes if the bot made it' },
};
