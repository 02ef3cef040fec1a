import { databaseOwner, objectOwners } from './catalogue.ts';
import { joinRoles, leaveRoles, type Membership } from './membership.ts';
import type { Postgres, Side } from './types.ts';

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
  const leave = async (side: Side) => leaveRoles(await postgres.database(side, 'postgres'), memberships);
  let result: T;
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
    result = await work();
  } catch (error) {
    // What it failed with says more than that a server which is gone gives nothing back; the ledger keeps what is left.
    for (const side of ['source', 'destination'] as const) await leave(side).catch(() => undefined);
    throw error;
  }
  for (const side of ['source', 'destination'] as const) await leave(side);
  return result;
}
