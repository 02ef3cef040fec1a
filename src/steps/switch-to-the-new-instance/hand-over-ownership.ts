import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { type HandOver, handOver, handOverPlan } from '../../postgres/hand-over.ts';
import type { Membership } from '../../postgres/membership.ts';

type Needs = Pick<Clients, 'target' | 'postgres'>;

/** Before any application starts: its first DDL (a new partition) would fail with "must be owner". Reads and writes work by the grants. */
export const handOverOwnership: Step<Needs> = {
  id: 'hand-over-ownership',
  title: 'Hand the ownership to the applications’ owner',
  impact: 'none',
  skippable: true,
  writeStop: 'after-promotion',

  async check({ target, postgres }) {
    const plans = await Promise.all(
      (await postgres.databases('destination')).map(async (database) => {
        const statements = await handOverPlan(await postgres.database('destination', database), wanted(target, database));
        return statements.length > 0 ? [`-- database ${database}`, ...statements] : [];
      }),
    );
    const plan = plans.flat();
    const owners = Object.entries(target.databases).map(([database, { owner }]) => `${database}: ${owner}`);
    return plan.length > 0 ? todo(plan) : done(`nothing is owned by cloudsqlexternalsync (${owners.join(', ')})`);
  },

  async apply({ target, postgres }, run) {
    let ledger = run.recall<readonly Membership[]>('memberships') ?? [];
    const record = (all: readonly Membership[]) => run.record('memberships', all);
    // `postgres` last: REASSIGN also moves shared objects, so the service's databases must have gone to their own owners before.
    const databases = [...(await postgres.databases('destination'))].sort((a, b) => Number(a === 'postgres') - Number(b === 'postgres'));
    await run.spend('ownership', async () => {
      for (const database of databases)
        ledger = await handOver(await postgres.database('destination', database), wanted(target, database), ledger, record);
    });
  },

  undo: { irreversible: 'the instance is promoted; what the migration owned belongs to the service now' },
};

/** Database `postgres` is nobody's of the service: it goes to the role that owns it on every Cloud SQL instance. */
function wanted(target: Needs['target'], database: string): HandOver {
  const named = target.databases[database];
  return {
    from: 'cloudsqlexternalsync',
    to: named?.owner ?? 'cloudsqlsuperuser',
    schemas: named?.schemas ?? [],
    users: named ? target.databaseUsers : [],
  };
}
