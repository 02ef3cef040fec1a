import { NeedsHuman } from '../errors.ts';
import { identifier } from './identifiers.ts';
import { joinRoles, leaveRoles, type Membership } from './membership.ts';
import { describeOwned, ownedBy } from './ownership-migrator.ts';
import type { Postgres, Side, Sql } from './types.ts';

const rounds = 3;

/** How many objects, of every database, keep the role from being dropped. */
async function dependents(sql: Sql, role: string): Promise<number> {
  const [row] = await sql.look<{ objects: number }>(
    `select count(*)::int as objects from pg_shdepend d join pg_roles r on r.oid = d.refobjid
      where d.refclassid = 'pg_authid'::regclass and r.rolname = $1`,
    [role],
  );
  return row?.objects ?? 0;
}

/**
 * Takes every right and default privilege from a user (DROP OWNED, whoever gave them) and has it deleted by `deleteUser`, as the user
 * itself and as `grantors`. A table made by a transaction that had read the default privileges before brings a right with it when that
 * transaction ends: DROP ROLE waits for it and refuses, and the next round takes that right too.
 * Errors: NeedsHuman `postgres.still-owned`, where the user owns something: nothing of it is dropped.
 */
export async function removeUser({
  postgres,
  side,
  user,
  instance,
  grantors = async () => [],
  ledger,
  record,
  deleteUser,
}: {
  readonly postgres: Postgres;
  readonly side: Side;
  readonly user: string;
  readonly instance: string;
  readonly grantors?: (sql: Sql) => Promise<readonly string[]>;
  readonly ledger: readonly Membership[];
  readonly record: (memberships: readonly Membership[]) => Promise<void>;
  readonly deleteUser: () => Promise<void>;
}): Promise<void> {
  const home = await postgres.database(side, 'postgres');
  for (let round = 1; ; round += 1) {
    const owned = await ownedBy(home, user);
    if (owned.length > 0)
      throw new NeedsHuman('postgres.still-owned', `${user} owns ${describeOwned(owned)} on ${instance}; nothing of it was dropped.`, {
        remedy: 'Hand the objects over by ALTER … OWNER TO, then press Retry.',
      });
    if ((await dependents(home, user)) > 0) {
      let memberships = ledger;
      for (const database of await postgres.databases(side)) {
        const sql = await postgres.database(side, database);
        memberships = await joinRoles(sql, [user, ...(await grantors(sql))], memberships, record);
        await sql.change(`drop owned by ${identifier(user)}`);
      }
      await leaveRoles(home, memberships);
    }
    try {
      return await deleteUser();
    } catch (error) {
      if (round === rounds || (await dependents(home, user)) === 0) throw error;
    }
  }
}
