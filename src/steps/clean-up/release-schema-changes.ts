import type { Clients } from '../../clients.ts';
import { done, type Step, task, todo, waiting } from '../../engine/step.ts';
import { type FlagsBefore, flagChanges, flagTasks, setFlags, unsetFlags } from '../../workloads/flags.ts';
import { held } from '../../workloads/order.ts';
import { lookAtReplicas, scaleTo, tellByHand, type Wanted } from '../../workloads/replicas.ts';

type Needs = Pick<Clients, 'target' | 'workloads' | 'postgres'>;
const lookAgainMs = 5_000;

/** When what was held back is worked off on the new instance, the held workloads and flags go to their place for afterwards. */
export const releaseSchemaChanges: Step<Needs> = {
  id: 'release-schema-changes',
  title: 'Release schema changes',
  impact: 'none',

  async check(clients, run) {
    const { target, workloads } = clients;
    const full = run.recall('released') === true ? undefined : await notEmpty(clients);
    if (full !== undefined) return waiting(`${full} is not worked off yet`, lookAgainMs);
    const look = await lookAtReplicas(workloads, wanted(clients));
    const plan = [...(await flagChanges(workloads, target.flags, 'afterwards')), ...look.changes];
    if (plan.length > 0) return todo(plan);
    const byHand = [...flagTasks(target.flags, 'afterwards'), ...look.byHand];
    if (byHand.length > 0 && run.answer === undefined) return task(byHand, 'the queues, which were seen empty');
    return done(
      [
        ...Object.entries(target.flags).map(([name, { afterwards }]) => `${name} ${afterwards}`),
        ...wanted(clients).map(({ name, replicas }) => `${name} at ${replicas}`),
      ].join(', ') || 'nothing was held',
    );
  },

  async apply(clients, run) {
    const { target, workloads } = clients;
    await run.record('released', true);
    await setFlags(workloads, target.flags, 'afterwards', run.recall<FlagsBefore>('flags'), (before) => run.record('flags', before));
    await scaleTo(workloads, wanted(clients), run.signal);
  },

  async undo({ target, workloads }, run) {
    await unsetFlags(workloads, target.flags, run.recall<FlagsBefore>('flags') ?? {});
    await scaleTo(
      workloads,
      held(target).flatMap(({ name, workload }) => (workload.afterSwitch === undefined ? [] : [{ name, replicas: workload.afterSwitch }])),
      run.signal,
    );
    await tellByHand(run.answer === undefined ? [] : flagTasks(target.flags, 'during'), run);
  },
};

/** The first held workload whose queue has something left. The query is asked in the service's first database. */
async function notEmpty({ target, postgres }: Needs): Promise<string | undefined> {
  const [database] = Object.keys(target.databases);
  if (database === undefined) return undefined;
  const sql = await postgres.database('destination', database);
  for (const { name, workload } of held(target)) {
    if (workload.emptyWhen === undefined) continue;
    const [row] = await sql.look(workload.emptyWhen);
    if (Object.values(row ?? {})[0] !== true) return `what ${name} works off`;
  }
  return undefined;
}

function wanted({ target }: Needs): readonly Wanted[] {
  return held(target).flatMap(({ name, workload }) => (workload.afterwards === undefined ? [] : [{ name, replicas: workload.afterwards }]));
}
