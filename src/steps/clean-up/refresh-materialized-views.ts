import type { Clients } from '../../clients.ts';
import { done, type RunView, type Step, todo } from '../../engine/step.ts';
import { materializedViews } from '../../postgres/catalogue.ts';
import { qualified } from '../../postgres/identifiers.ts';
import { joinPlan, joinRoles, type Membership } from '../../postgres/membership.ts';

type Needs = Pick<Clients, 'target' | 'postgres'>;
const timeoutMs = 6 * 3_600_000;

/** They carry no data after the migration, or that of its first day: each is refreshed once, those that others read first. */
export const refreshMaterializedViews: Step<Needs> = {
  id: 'refresh-materialized-views',
  title: 'Refresh the materialized views',
  impact: 'none',

  async check(clients, run) {
    const stale = await staleViews(clients, run);
    if (stale.length === 0) return done(`${(run.recall<readonly string[]>('refreshed') ?? []).length} materialized views were refreshed`);
    const plan: string[] = [];
    for (const view of stale) {
      plan.push(...(await joinPlan(await clients.postgres.database('destination', view.database), [view.owner])));
      plan.push(`${refreshSql(view)} -- database ${view.database}`);
    }
    return todo([...new Set(plan)]);
  },

  async apply(clients, run) {
    let memberships = run.recall<readonly Membership[]>('memberships') ?? [];
    for (const view of await staleViews(clients, run)) {
      const sql = await clients.postgres.database('destination', view.database);
      memberships = await joinRoles(sql, [view.owner], memberships, (all) => run.record('memberships', all));
      run.progress({ text: `Refreshing ${view.schema}.${view.name}` });
      await sql.change(refreshSql(view), [], { timeoutMs });
      await run.record('refreshed', [...(run.recall<readonly string[]>('refreshed') ?? []), view.key]);
    }
  },

  undo: { keep: 'fresh data does no harm' },
};

interface View {
  readonly key: string;
  readonly database: string;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly concurrently: boolean;
}

async function staleViews({ target, postgres }: Needs, run: RunView): Promise<readonly View[]> {
  const refreshed = new Set(run.recall<readonly string[]>('refreshed') ?? []);
  const found: View[] = [];
  for (const database of Object.keys(target.databases))
    for (const view of await materializedViews(await postgres.database('destination', database))) {
      const key = `${database}: ${qualified(view.schema, view.name)}`;
      if (view.populated && refreshed.has(key)) continue;
      // Readers of a view that has rows already are not made to wait where Postgres can avoid it.
      found.push({
        key,
        database,
        schema: view.schema,
        name: view.name,
        owner: view.owner,
        concurrently: view.populated && view.uniqueIndex,
      });
    }
  return found;
}

function refreshSql(view: View): string {
  return `refresh materialized view ${view.concurrently ? 'concurrently ' : ''}${qualified(view.schema, view.name)}`;
}
