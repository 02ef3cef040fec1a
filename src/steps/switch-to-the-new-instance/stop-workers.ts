import type { Clients } from '../../clients.ts';
import { blocked, done, type Observation, type RunView, type Step, task, todo } from '../../engine/step.ts';
import { openSessions } from '../../postgres/open-sessions.ts';
import { forgetReplicas, mirrorReplicas } from '../../postgres/replicas-mirror.ts';
import { readyComparison } from '../../validator/run-comparison.ts';
import { takeProof } from '../../validator/run-proof.ts';
import { stopped } from '../../workloads/order.ts';
import { askFor, lookAtReplicas, replicasNow, scaleTo, tellByHand, undoneBy, untilAsAsked } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'workloads' | 'postgres' | 'validator' | 'secrets' | 'proof'>;
const group = 'first';

/** The write stop begins: those that come first in the service file's order of stopping. */
export const stopWorkers: Step<Needs> = {
  id: 'stop-workers',
  title: 'Stop the workers',
  impact: 'writes-stop',
  writeStop: 'within',

  async check(clients, run): Promise<Observation> {
    const { target, workloads, postgres } = clients;
    const names = stopped(target, group);
    const look = await lookAtReplicas(
      workloads,
      names.map((name) => ({ name, replicas: 0 })),
    );
    if (look.changes.length > 0) {
      // Of everybody who is stopped: later the writes are off already.
      const reasons = await undoneBy(workloads, [...names, ...stopped(target, 'rest')]);
      if (reasons.length > 0)
        return blocked(
          'workloads.undone',
          `Stopping would be undone: ${reasons.join('; ')}.`,
          'Suspend what is named, then start the cutover again.',
        );
      const databases = Object.keys(target.databases);
      await Promise.all([
        openSessions(postgres, databases),
        takeProof(clients, run).catch(() => undefined),
        readyComparison(clients, run).catch(() => undefined),
      ]);
      return todo(look.changes);
    }
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

async function startAgain({ target, workloads, postgres }: Needs, run: RunView): Promise<void> {
  const names = stopped(target, group);
  const before = run.recall<Record<string, number>>('replicas') ?? {};
  await askFor(
    workloads,
    names.flatMap((name) => (before[name] === undefined ? [] : [{ name, replicas: before[name] }])),
  );
  await untilAsAsked(workloads, [...names, ...stopped(target, 'rest')], run.signal);
  await forgetReplicas(await postgres.database('source', 'postgres'), names);
  const byHand =
    run.answer === undefined ? [] : names.filter((name) => workloads.driver(name) === 'manual').map((name) => `start ${name} again`);
  await tellByHand(byHand, run);
}
