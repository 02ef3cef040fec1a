import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, task, todo } from '../../engine/step.ts';
import { keepSchema } from '../../validator/schema-drift.ts';
import { type FlagsBefore, flagChanges, flagTasks, setFlags, unsetFlags } from '../../workloads/flags.ts';
import { held } from '../../workloads/order.ts';
import { lookAtReplicas, replicasNow, scaleTo, tellByHand, type Wanted } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'workloads' | 'postgres'>;
const keepFingerprint = 'keep a fingerprint of the schema';

/** New tables and partitions are not replicated, and nothing says so: nobody may make any while data is copied. */
export const holdSchemaChanges: Step<Needs> = {
  id: 'hold-schema-changes',
  title: 'Hold schema changes',
  impact: 'none',
  copy: 'begins',

  async check(clients, run) {
    const { target, workloads } = clients;
    const look = await lookAtReplicas(workloads, wanted(clients));
    const plan = [...(await flagChanges(workloads, target.flags, 'during')), ...look.changes];
    if (plan.length > 0) return todo([...plan, keepFingerprint]);
    const byHand = [...flagTasks(target.flags, 'during'), ...look.byHand];
    if (byHand.length > 0 && run.answer === undefined) return task(byHand, 'the schema’s fingerprint, again before the cutover');
    if (!run.recall('fingerprint')) return todo([keepFingerprint]);
    return done(
      [
        ...Object.entries(target.flags).map(([name, { during }]) => `${name} ${during}`),
        ...wanted(clients).map(({ name, replicas }) => `${name} at ${replicas}`),
        'fingerprint kept',
      ].join(', '),
    );
  },

  async apply(clients, run) {
    const { target, workloads, postgres } = clients;
    const names = held(target).map(({ name }) => name);
    await run.record('replicas', await replicasNow(workloads, names, run.recall<Record<string, number> | null>('replicas') ?? {}));
    await setFlags(workloads, target.flags, 'during', run.recall<FlagsBefore | null>('flags') ?? undefined, (before) =>
      run.record('flags', before),
    );
    await scaleTo(workloads, wanted(clients), run.signal);
    // Until people have done their part the schema may still change.
    const byHand = [...flagTasks(target.flags, 'during'), ...(await lookAtReplicas(workloads, wanted(clients))).byHand];
    if (byHand.length > 0 && run.answer === undefined) return;
    await run.record('fingerprint', await keepSchema({ target, postgres }));
  },

  undo: letGo,
};

async function letGo(clients: Needs, run: RunView): Promise<void> {
  const { target, workloads } = clients;
  const before = run.recall<Record<string, number> | null>('replicas') ?? {};
  await unsetFlags(workloads, target.flags, run.recall<FlagsBefore | null>('flags') ?? {});
  await scaleTo(
    workloads,
    held(target).flatMap(({ name }) => (before[name] === undefined ? [] : [{ name, replicas: before[name] }])),
    run.signal,
  );
  // Held again, it is what people have made of them by then that is given back.
  for (const key of ['fingerprint', 'flags', 'replicas']) await run.record(key, null);
  const byHand = [
    ...flagTasks(target.flags, 'before'),
    ...held(target).flatMap(({ name }) => (workloads.driver(name) === 'manual' ? [`run ${name} with its former replicas`] : [])),
  ];
  await tellByHand(run.answer === undefined ? [] : byHand, run);
}

function wanted({ target }: Needs): readonly Wanted[] {
  return held(target).map(({ name, workload }) => ({ name, replicas: workload.during ?? 0 }));
}
