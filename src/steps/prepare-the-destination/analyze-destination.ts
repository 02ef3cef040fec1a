import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { joinPlan, joinRoles, type Membership } from '../../postgres/membership.ts';
import { analyze, neverAnalyzed } from '../../postgres/statistics.ts';

/**
 * Statistics are not migrated; without them the first queries after the switch are planned blindly. Nor are visibility maps: what
 * autovacuum would do to the copied tables is done here, before it is in the way of the write stop.
 */
export const analyzeDestination: Step<Pick<Clients, 'target' | 'postgres'>> = {
  id: 'analyze-destination',
  title: 'Vacuum and analyze the destination',
  impact: 'none',

  async check({ target, postgres }) {
    const plan: string[] = [];
    for (const database of Object.keys(target.databases)) {
      const sql = await postgres.database('destination', database);
      const tables = await neverAnalyzed(sql);
      if (tables.length === 0) continue;
      plan.push(
        ...(await joinPlan(
          sql,
          tables.map((table) => table.owner),
        )),
      );
      plan.push(...tables.map(({ statement }) => `${statement} -- database ${database}`));
    }
    return plan.length > 0 ? todo([...new Set(plan)]) : done('every table of the destination has statistics');
  },

  async apply({ target, postgres }, run) {
    let memberships = run.recall<readonly Membership[]>('memberships') ?? [];
    for (const database of Object.keys(target.databases)) {
      const sql = await postgres.database('destination', database);
      const tables = await neverAnalyzed(sql);
      memberships = await joinRoles(
        sql,
        tables.map((table) => table.owner),
        memberships,
        (all) => run.record('memberships', all),
      );
      for (const [index, table] of tables.entries()) {
        run.progress({ text: `${database}: ${table.schema}.${table.name}`, fraction: index / tables.length });
        await analyze(sql, table);
      }
    }
  },

  undo: { keep: 'statistics do no harm' },
};
