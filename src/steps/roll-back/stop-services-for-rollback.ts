import { setTimeout as pause } from 'node:timers/promises';
import type { Clients } from '../../clients.ts';
import { blocked, done, type RunView, type Step, task, todo } from '../../engine/step.ts';
import { openSessions } from '../../postgres/open-sessions.ts';
import { forgetReplicas, mirrorReplicas } from '../../postgres/replicas-mirror.ts';
import { lookAtWayBack } from '../../postgres/way-back.ts';
import { carryBack } from '../../postgres/way-back-gaps.ts';
import { readyComparison } from '../../validator/run-comparison.ts';
import { takeProof } from '../../validator/run-proof.ts';
import { held, stopped } from '../../workloads/order.ts';
import { lookAtReplicas, replicasNow, scaleTo, tellByHand, undoneBy } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'workloads' | 'postgres' | 'validator' | 'proof'>;
const flowsWithinMs = 10_000;

/** All at once: whatever is worked off halfway is worked off on the old instance. */
export const stopServicesForRollback: Step<Needs> = {
  id: 'stop-services-for-rollback',
  title: 'Stop the services',
  impact: 'writes-stop',
  writeStop: 'within',
  waitsFor: 'pods',

  async check(clients, run) {
    const { target, workloads, postgres } = clients;
    const names = namesOf(target);
    const look = await lookAtReplicas(
      workloads,
      names.map((name) => ({ name, replicas: 0 })),
    );
    if (look.changes.length > 0) {
      const reasons = await undoneBy(workloads, names);
      if (reasons.length > 0)
        return blocked(
          'workloads.undone',
          `Stopping would be undone: ${reasons.join('; ')}.`,
          'Suspend what is named, then start the rollback again.',
        );
      await Promise.all([
        openSessions(postgres, Object.keys(target.databases)),
        takeProof(clients, run).catch(() => undefined),
        readyComparison(clients, run, 'rows').catch(() => undefined),
      ]);
      return todo(look.changes);
    }
    if (look.byHand.length > 0 && run.answer === undefined)
      return task(look.byHand, 'the fence ends what is left and looks that nobody writes');
    return done(names.length === 0 ? 'the service file stops nobody here' : `${names.join(', ')} at 0 replicas, no pod left`);
  },

  async apply(clients, run) {
    const { target, workloads, postgres } = clients;
    const names = namesOf(target);
    const before = await replicasNow(workloads, names, run.recall<Record<string, number>>('replicas'));
    await run.record('replicas', before);
    await mirrorReplicas(await postgres.database('destination', 'postgres'), `${run.run}-${run.uid}`, before);
    await untilItFlows({ target, postgres }, run);
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

  async undo({ target, workloads, postgres }, run) {
    const names = namesOf(target);
    const before = run.recall<Record<string, number>>('replicas') ?? {};
    await scaleTo(
      workloads,
      names.flatMap((name) => (before[name] === undefined ? [] : [{ name, replicas: before[name] }])),
      run.signal,
    );
    await forgetReplicas(await postgres.database('destination', 'postgres'), names);
    const byHand =
      run.answer === undefined ? [] : names.filter((name) => workloads.driver(name) === 'manual').map((name) => `start ${name} again`);
    await tellByHand(byHand, run);
  },
};

/**
 * An apply that a missing partition has ended starts anew only once in wal_retrieve_retry_interval (5 s; the launcher of 15): that
 * is waited out while the services still write. One that does not come is the drain's to tell.
 */
async function untilItFlows({ target, postgres }: Pick<Needs, 'target' | 'postgres'>, run: RunView): Promise<void> {
  if (run.recall('started', 'start-services') === undefined) return;
  const databases = Object.keys(target.databases);
  for (const until = Date.now() + flowsWithinMs; Date.now() < until; await pause(100, undefined, { signal: run.signal })) {
    const ways = await lookAtWayBack({ postgres, uid: run.uid, databases });
    if (ways.some(({ subscription }) => subscription === 'none') || ways.every(({ active }) => active)) return;
    await carryBack(postgres, run.uid, databases);
  }
}

/** What was held back during the copy and works on the new instance by now is stopped too. */
function namesOf(target: Needs['target']): readonly string[] {
  return [...new Set([...stopped(target, 'first'), ...stopped(target, 'rest'), ...held(target).map(({ name }) => name)])];
}
