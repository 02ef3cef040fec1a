import type { Clients } from '../../clients.ts';
import { done, type Step, task, todo } from '../../engine/step.ts';
import { instanceNames } from '../../gcp/instance-names.ts';
import { changeText, connectionChanges, makeChanges, replacementsOf } from '../../workloads/connections.ts';

type Needs = Pick<Clients, 'target' | 'workloads' | 'cloudSql'>;

/** Every workload of the service file names the old instance again. The old OIDs are still in its settings. */
export const switchServicesBack: Step<Needs> = {
  id: 'switch-services-back',
  title: 'Switch the services back to the old instance',
  impact: 'none',
  writeStop: 'after-promotion',
  waitsFor: 'pods',

  async check({ target, workloads, cloudSql }, run) {
    const { changes, replacements } = await changesOf({ target, workloads, cloudSql });
    const driven = changes.filter(({ value }) => value !== undefined);
    if (driven.length > 0) return todo(driven.map((change) => changeText(change, replacements)));
    const byHand = changes.filter(({ value }) => value === undefined);
    if (byHand.length > 0 && run.answer === undefined)
      return task(
        byHand.map((change) => changeText(change, replacements)),
        'the sessions of the applications on both instances',
      );
    return done(`${Object.keys(target.workloads).join(', ')} name ${target.source}`);
  },

  async apply(clients, run) {
    const { changes } = await changesOf(clients);
    await run.spend('pods', () => makeChanges(clients.workloads, changes));
  },

  undo: { irreversible: 'the old instance is open: the services belong there' },
};

async function changesOf({ target, workloads, cloudSql }: Needs) {
  const names = await Promise.all([instanceNames(cloudSql, target.destination), instanceNames(cloudSql, target.source)]);
  const replacements = replacementsOf(...names);
  return { replacements, changes: await connectionChanges(workloads, target.workloads, replacements) };
}
