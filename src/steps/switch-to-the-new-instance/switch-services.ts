import type { Clients } from '../../clients.ts';
import { done, type Step, task, todo } from '../../engine/step.ts';
import { instanceNames } from '../../gcp/instance-names.ts';
import { changeText, connectionChanges, makeChanges, replacementsOf } from '../../workloads/connections.ts';
import { tellByHand } from '../../workloads/replicas.ts';
import { type Replacement, reversed } from '../../workloads/settings.ts';

type Needs = Pick<Clients, 'target' | 'workloads' | 'cloudSql'>;

/** Every workload of the service file, readers included, names the new instance from here on. */
export const switchServices: Step<Needs> = {
  id: 'switch-services',
  title: 'Switch the services to the new instance',
  impact: 'none',
  writeStop: 'after-promotion',

  async check(clients, run) {
    // Google is asked until this step has recorded it, and no more: nobody can write until it is done.
    const replacements = run.recall<readonly Replacement[]>('replacements') ?? (await wanted(clients));
    const changes = await connectionChanges(clients.workloads, clients.target.workloads, replacements);
    const driven = changes.filter(({ value }) => value !== undefined);
    if (driven.length > 0) return todo(driven.map((change) => changeText(change, replacements)));
    const byHand = changes.filter(({ value }) => value === undefined);
    if (byHand.length > 0 && run.answer === undefined)
      return task(
        byHand.map((change) => changeText(change, replacements)),
        'the sessions of the applications on both instances',
      );
    return done(`${Object.keys(clients.target.workloads).join(', ')} name ${clients.target.destination}`);
  },

  async apply(clients, run) {
    const replacements = await wanted(clients);
    await run.record('replacements', replacements);
    const changes = await connectionChanges(clients.workloads, clients.target.workloads, replacements);
    await run.spend('pods', () => makeChanges(clients.workloads, changes));
  },

  async undo(clients, run) {
    const replacements = reversed(run.recall<readonly Replacement[]>('replacements') ?? (await wanted(clients)));
    const changes = await connectionChanges(clients.workloads, clients.target.workloads, replacements);
    // All of them, also those that name the source still: a switch that a stopped worker has yet to send is refused then.
    for (const name of Object.keys(clients.target.workloads).filter((one) => clients.workloads.driver(one) !== 'manual')) {
      const mine = changes.find((one) => one.name === name && one.value !== undefined);
      await clients.workloads.set(name, mine?.value === undefined ? {} : { [mine.setting]: mine.value });
    }
    const byHand =
      run.answer === undefined ? [] : changes.filter(({ value }) => value === undefined).map((change) => changeText(change, replacements));
    await tellByHand(byHand, run);
  },
};

async function wanted({ target, cloudSql }: Needs): Promise<readonly Replacement[]> {
  return replacementsOf(...(await Promise.all([instanceNames(cloudSql, target.source), instanceNames(cloudSql, target.destination)])));
}
