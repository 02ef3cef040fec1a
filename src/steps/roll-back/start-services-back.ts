import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, task, todo, waiting } from '../../engine/step.ts';
import { activityOf } from '../../postgres/activity.ts';
import { forgetReplicas } from '../../postgres/replicas-mirror.ts';
import { startOrder, stopped } from '../../workloads/order.ts';
import { lookAtReplicas, scaleTo, type Wanted } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'workloads' | 'postgres'>;
const showsWithinMs = 30_000;

/** Web, then workers, as they ran last; what the drivers say is checked in PostgreSQL. The fence of the new instance stays. */
export const startServicesBack: Step<Needs> = {
  id: 'start-services-back',
  title: 'Start the services on the old instance',
  impact: 'none',
  writeStop: 'after-promotion',
  waitsFor: 'pods',

  async check({ target, workloads, postgres }, run) {
    const wanted = startOf(target, run).flat();
    const look = await lookAtReplicas(workloads, wanted);
    const began = run.recall<{ readonly at: number; readonly written: number }>('started');
    if (look.changes.length > 0 || !began) return todo([...look.changes, `look that they write on ${target.source}`]);
    if (look.byHand.length > 0 && run.answer === undefined)
      return task(look.byHand, 'the sessions of the applications on the old instance');
    const writers = target.databaseUsers.filter(({ roleType }) => roleType === 'write').map(({ username }) => username);
    const { sessions, written } = await activityOf(postgres, 'source', writers, Object.keys(target.databases));
    const fresh = written - began.written;
    if ((Object.keys(sessions).length === 0 || fresh <= 0) && Date.now() - began.at < showsWithinMs)
      return waiting('no write of the applications on the old instance yet', 100);
    return done(
      [
        wanted.map(({ name, replicas }) => `${name} ${replicas}`).join(', '),
        fresh > 0 ? `${fresh} rows written on ${target.source}` : `no write within ${showsWithinMs / 1000} s: look at the applications`,
      ].join('; '),
    );
  },

  async apply({ target, workloads, postgres }, run) {
    if (!run.recall('started'))
      await run.record('started', {
        at: Date.now(),
        written: (await activityOf(postgres, 'source', [], Object.keys(target.databases))).written,
      });
    await run.spend('pods', async () => {
      for (const group of startOf(target, run)) await scaleTo(workloads, group, run.signal);
    });
    // Kept on the source too where its own write stop never ended: the next attempt's migration may not find it.
    const names = startOf(target, run)
      .flat()
      .map(({ name }) => name);
    const before = run.recall<Record<string, number>>('replicas', 'stop-services-for-rollback') ?? {};
    await forgetReplicas(await postgres.database('source', 'postgres'), names);
    await forgetReplicas(await postgres.database('destination', 'postgres'), [...names, ...Object.keys(before)]);
  },

  undo: { irreversible: 'the old instance is open: the services run there' },
};

/** In order. As they ran on the new instance; where they never started there, as before the cutover. */
function startOf(target: Needs['target'], run: RunView): readonly (readonly Wanted[])[] {
  const before: Record<string, number> = {
    ...run.recall<Record<string, number>>('replicas', 'stop-workers'),
    ...run.recall<Record<string, number>>('replicas', 'stop-web'),
  };
  const last = run.recall<Record<string, number>>('replicas', 'stop-services-for-rollback') ?? {};
  const all = [...stopped(target, 'first'), ...stopped(target, 'rest')];
  return startOrder(target)
    .map((names) => names.filter((name) => all.includes(name)).map((name) => ({ name, replicas: last[name] || (before[name] ?? 1) })))
    .filter((group) => group.length > 0);
}
