import type { Clients } from '../../clients.ts';
import { blocked, done, type Step, todo } from '../../engine/step.ts';
import { NeedsHuman } from '../../errors.ts';
import { roleExists } from '../../postgres/catalogue.ts';
import { identifier } from '../../postgres/identifiers.ts';
import { joinPlan, joinRoles, type Membership } from '../../postgres/membership.ts';
import { describeOwned, ownedBy, remainingOf } from '../../postgres/ownership-migrator.ts';

const role = 'cloudsqlexternalsync';
type Needs = Pick<Clients, 'target' | 'postgres' | 'cloudSql'>;

/** DROP OWNED deletes what the role still owns, the data included: it runs only where REASSIGN has left nothing, in any database. */
export const removeExternalSyncUser: Step<Needs> = {
  id: 'remove-external-sync-user',
  title: `Remove the user ${role}`,
  impact: 'none',
  gate: { question: `Remove the user ${role} and what it was granted from the new instance?` },

  async check({ target, postgres }) {
    const home = await postgres.database('destination', 'postgres');
    if (!(await roleExists(home, role))) return done(`${role} is gone from ${target.destination}`);
    const owned = await ownedBy(home, role);
    if (owned.length > 0)
      return blocked(
        'postgres.still-owned',
        `${role} still owns ${describeOwned(owned)}; dropping what it owns would delete the data.`,
        'Run hand-over-ownership (or npx pgupgrade migrate-ownership), then press Retry.',
      );
    const databases = await withRights(postgres);
    const joins = databases.length > 0 ? await joinPlan(home, [role]) : [];
    const drops = databases.map((database) => `drop owned by ${identifier(role)} -- database ${database}: only rights, it owns nothing`);
    return todo([...joins, ...drops, `delete user ${role} of ${target.destination}`]);
  },

  async apply({ target, postgres, cloudSql }, run) {
    const home = await postgres.database('destination', 'postgres');
    for (const database of await withRights(postgres)) {
      const sql = await postgres.database('destination', database);
      await joinRoles(sql, [role], run.recall<readonly Membership[]>('memberships') ?? [], (all) => run.record('memberships', all));
      await sql.transaction(async (inside) => {
        const owned = await ownedBy(inside, role);
        if (owned.length > 0)
          throw new NeedsHuman('postgres.still-owned', `${role} still owns ${describeOwned(owned)}; nothing was dropped in ${database}.`, {
            remedy: 'Hand the objects over by ALTER … OWNER TO, then press Retry.',
          });
        await inside.change(`drop owned by ${identifier(role)}`);
      });
    }
    if (await roleExists(home, role))
      await cloudSql.wait(await cloudSql.deleteUser(target.destination, role), { signal: run.signal, timeoutMs: 5 * 60_000 });
  },

  undo: { irreversible: 'the user belonged to the migration; a new one would own nothing' },
};

/** Databases where the role was granted something or set default privileges. */
async function withRights(postgres: Needs['postgres']): Promise<readonly string[]> {
  const remaining = await remainingOf(await postgres.database('destination', 'postgres'), role);
  const all = await postgres.databases('destination');
  const named = new Set(remaining.map((entry) => entry.database));
  return all.filter((database) => named.has(database));
}
