import type { Clients } from '../../clients.ts';
import { done, type Step, todo } from '../../engine/step.ts';
import { grantScope, scopeRevokes } from '../../postgres/grants.ts';
import { joinRoles, leaveRoles, type Membership } from '../../postgres/membership.ts';
import { grantRoles, rolesPlan } from '../../postgres/roles-migrator.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql'>;

/** The objects exist only since the load, so the grants come after it. Verified by a matrix of has_*_privilege. */
export const grantDestinationRoles: Step<Needs> = {
  id: 'grant-destination-roles',
  title: 'Grant the users their rights on the destination',
  impact: 'none',

  async check({ target, postgres }) {
    const plan: string[] = [];
    for (const [database, { schemas }] of Object.entries(target.databases)) {
      const { statements } = await rolesPlan(await postgres.database('destination', database), target.databaseUsers, schemas);
      if (statements.length > 0) plan.push(`-- database ${database}`, ...statements);
    }
    const users = target.databaseUsers.map((user) => `${user.username} (${user.roleType})`).join(', ');
    return plan.length > 0 ? todo(plan) : done(`${users} have their rights on every schema, table and sequence`);
  },

  async apply({ target, postgres }, run) {
    let ledger = run.recall<readonly Membership[]>('memberships') ?? [];
    const record = (all: readonly Membership[]) => run.record('memberships', all);
    for (const [database, { schemas }] of Object.entries(target.databases))
      ledger = await grantRoles(await postgres.database('destination', database), target.databaseUsers, { schemas, ledger, record });
  },

  async undo({ target, postgres, cloudSql }, run) {
    // After a rollback the promoted instance is closed and goes as a whole.
    if (run.leg === 'rollback' || !(await cloudSql.instance(target.destination))) return;
    let memberships = run.recall<readonly Membership[]>('memberships') ?? [];
    const present = await postgres.databases('destination');
    for (const [database, { schemas }] of Object.entries(target.databases)) {
      if (!present.includes(database)) continue;
      const sql = await postgres.database('destination', database);
      const scope = await grantScope(sql, schemas);
      memberships = await joinRoles(sql, scope.grantors, memberships, (all) => run.record('memberships', all));
      const rows = await sql.look<{ name: string }>('select rolname as name from pg_roles where rolname = any($1)', [
        target.databaseUsers.map((user) => user.username),
      ]);
      await sql.transaction(async (inside) => {
        for (const statement of scopeRevokes(
          scope,
          rows.map((row) => row.name),
        ))
          await inside.change(statement);
      });
    }
    await leaveRoles(await postgres.database('destination', 'postgres'), memberships);
  },
};
