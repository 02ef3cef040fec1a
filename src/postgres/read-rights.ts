import { databaseOwner, objectOwners } from './catalogue.ts';
import { joinRoles, leaveRoles, type Membership } from './membership.ts';
import type { Postgres } from './types.ts';

/**
 * Runs `work` while the bot's user is a member of every owner in the databases, on both sides: it reads all rows. What
 * it joined is recorded before, and left at the end.
 */
export async function asMemberOfOwners<T>(
  postgres: Postgres,
  databases: readonly string[],
  ledger: readonly Membership[],
  record: (memberships: readonly Membership[]) => Promise<void>,
  work: () => Promise<T>,
): Promise<T> {
  let memberships = ledger;
  try {
    for (const side of ['source', 'destination'] as const)
      for (const database of databases) {
        const sql = await postgres.database(side, database);
        memberships = await joinRoles(
          sql,
          [...new Set([await databaseOwner(sql), ...(await objectOwners(sql))])],
          memberships,
          async (all) => {
            memberships = all;
            await record(all);
          },
        );
      }
    return await work();
  } finally {
    for (const side of ['source', 'destination'] as const) await leaveRoles(await postgres.database(side, 'postgres'), memberships);
  }
}
