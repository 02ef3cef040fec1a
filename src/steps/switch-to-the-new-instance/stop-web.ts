import type { Clients } from '../../clients.ts';
import { done, type Observation, type RunView, type Step, task, todo } from '../../engine/step.ts';
import { forgetReplicas, mirrorReplicas } from '../../postgres/replicas-mirror.ts';
import { stopped } from '../../workloads/order.ts';
import { askFor, lookAtReplicas, replicasNow, scaleTo, tellByHand } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'workloads' | 'postgres'>;
const group = 'rest';

/** Everybody else who is stopped: after the workers, so that what users still do is not worked off halfway. */
export const stopWeb: Step<Needs> = {
  id: 'stop-web',
  title: 'Stop the web',
  impact: 'writes-stop',
  writeStop: 'within',

  async check({ target, workloads }, run): Promise<Observation> {
    const names = stopped(target, group);
    const look = await lookAtReplicas(
      workloads,
      names.map((name) => ({ name, replicas: 0 })),
    );
    if (look.changes.length > 0) return todo(look.changes);
    if (look.byHand.length > 0 && run.answer === undefined)
      return task(look.byHand, 'the fence ends what is left and looks that nobody writes');
    return done(names.length === 0 ? 'the service file stops nobody here' : `${names.join(', ')} at 0 replicas, no pod left`);
  },

  async apply({ target, workloads, postgres }, run) {
    const names = stopped(target, group);
    const before = await replicasNow(workloads, names, run.recall<Record<string, number>>('replicas'));
    await run.record('replicas', before);
    await mirrorReplicas(await postgres.database('source', 'postgres'), `${run.run}-${run.uid}`, before);
    await run.spend('pods', () =>
      scaleTo(
        workloads,
        names.map((name) => ({ name, replicas: 0 })),
        run.signal,
        // A pod that does not end is named while there is time to give the writes back for it, not by the deadline.
        run.deadlineAt === undefined ? undefined : Math.max(1_000, (run.deadlineAt - Date.now()) / 2),
      ),
    );
  },

  undo: startAgain,
};

/** The workers are started next: their step's undo waits for the pods of all. */
async function startAgain({ target, workloads, postgres }: Needs, run: RunView): Promise<void> {
  const names = stopped(target, group);
  const before = run.recall<Record<string, number>>('replicas') ?? {};
  await askFor(
    workloads,
    names.flatMap((name) => (before[name] === undefined ? [] : [{ name, replicas: before[name] }])),
  );
  await forgetReplicas(await postgres.database('source', 'postgres'), names);
  const byHand =
    run.answer === undefined ? [] : names.filter((name) => workloads.driver(name) === 'manual').map((name) => `start ${name} again`);
  await tellByHand(byHand, run);
}
