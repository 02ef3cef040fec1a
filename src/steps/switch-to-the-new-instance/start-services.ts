import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, task, todo, waiting } from '../../engine/step.ts';
import { activityOf } from '../../postgres/activity.ts';
import { fence } from '../../postgres/fence.ts';
import type { FenceLedger } from '../../postgres/fence-ledger.ts';
import { forgetReplicas } from '../../postgres/replicas-mirror.ts';
import { held, startOrder, stopped } from '../../workloads/order.ts';
import { lookAtReplicas, scaleTo, type Wanted } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'workloads' | 'postgres'>;
const showsWithinMs = 30_000;

/**
 * Web, then workers, at their former replicas. What the drivers say is checked in PostgreSQL. The source's fence stays, and the
 * readers who were left in until the switch are fenced now: they would read what is no longer true.
 */
export const startServices: Step<Needs> = {
  id: 'start-services',
  title: 'Start the services on the new instance',
  impact: 'none',
  writeStop: 'after-promotion',
  waitsFor: 'pods',

  async check(clients, run) {
    const { target, workloads, postgres } = clients;
    const wanted = startOf(clients, run).flat();
    const look = await lookAtReplicas(workloads, wanted);
    if (look.changes.length > 0) return todo(look.changes);
    const users = target.databaseUsers.map(({ username }) => username);
    const old = await activityOf(postgres, 'source', users, []);
    const stale = Object.entries(old.sessions).map(([role, count]) => `${count} sessions of ${role}`);
    const began = run.recall<{ readonly at: number; readonly written: number }>('started');
    if (stale.length > 0 || !began)
      return todo([`close the source to the readers too${stale.length > 0 ? ` and end ${stale.join(', ')}` : ''}`]);
    if (look.byHand.length > 0 && run.answer === undefined) return task(look.byHand, 'the sessions of the applications on both instances');
    const writers = target.databaseUsers.filter(({ roleType }) => roleType === 'write').map(({ username }) => username);
    const fresh = await activityOf(postgres, 'destination', users, Object.keys(target.databases));
    const written = fresh.written - began.written;
    const connected = writers.length === 0 || writers.some((role) => (fresh.sessions[role] ?? 0) > 0);
    if ((!connected || written <= 0) && Date.now() - began.at < showsWithinMs)
      return waiting(
        connected ? 'the applications are connected, no write yet' : 'no session of the applications on the new instance yet',
        50,
      );
    const sessions = Object.entries(fresh.sessions).map(([role, count]) => `${role} ${count}`);
    return done(
      [
        `${wanted.map(({ name, replicas }) => `${name} ${replicas}`).join(', ')}`,
        sessions.length > 0
          ? `sessions on the new instance: ${sessions.join(', ')}`
          : `no session on the new instance within ${showsWithinMs / 1000} s: look at the applications`,
        written > 0 ? `${written} rows written there` : `no write within ${showsWithinMs / 1000} s`,
        'none on the old one',
      ].join('; '),
    );
  },

  async apply(clients, run) {
    const { target, workloads, postgres } = clients;
    const databases = Object.keys(target.databases);
    if (!run.recall('started'))
      await run.record('started', { at: Date.now(), written: (await activityOf(postgres, 'destination', [], databases)).written });
    await run.spend('pods', async () => {
      for (const group of startOf(clients, run)) await scaleTo(workloads, group, run.signal);
    });
    await run.spend('fence', () =>
      fence({
        postgres,
        run: `${run.run}-${run.uid}`,
        databases,
        keep: ['migration', 'wayback'],
        readers: [],
        logins: [],
        watchRows: false,
        // The first ledger stands: it knows how everything was.
        ledger: run.recall<FenceLedger | null>('ledger', 'fence-source') ?? undefined,
        save: (ledger) => run.record('ledger', ledger),
        signal: run.signal,
      }),
    );
    await forgetReplicas(await postgres.database('source', 'postgres'), [...stopped(target, 'first'), ...stopped(target, 'rest')]);
  },

  async undo(clients, run) {
    const { workloads } = clients;
    await scaleTo(
      workloads,
      startOf(clients, run)
        .flat()
        .map(({ name }) => ({ name, replicas: 0 })),
      run.signal,
    );
  },
};

/** In order: what was stopped at its former replicas, then what is held at `afterSwitch`. */
function startOf({ target }: Needs, run: RunView): readonly (readonly Wanted[])[] {
  const before = {
    ...run.recall<Record<string, number>>('replicas', 'stop-workers'),
    ...run.recall<Record<string, number>>('replicas', 'stop-web'),
  };
  const all = [...stopped(target, 'first'), ...stopped(target, 'rest')];
  const groups = startOrder(target).map((names) =>
    names.filter((name) => all.includes(name)).map((name) => ({ name, replicas: before[name] ?? 1 })),
  );
  const after = held(target).flatMap(({ name, workload }) =>
    workload.afterSwitch === undefined ? [] : [{ name, replicas: workload.afterSwitch }],
  );
  return [...groups, after].filter((group) => group.length > 0);
}
