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
  const keep = async (all: readonly Membership[]) => {
    memberships = all;
    await record(all);
  };
  const leave = async (side: Side) => leaveRoles(await postgres.database(side, 'postgres'), memberships);
  let result: T;
  try {
    await joinOwners(postgres, databases, ledger, keep);
    result = await work();
  } catch (error) {
    // What it failed with says more than that a server which is gone gives nothing back; the ledger keeps what is left.
    await settleAll(sides.map(leave)).catch(() => undefined);
    throw error;
  }
  await settleAll(sides.map(leave));
  return result;
}

/** Makes the bot's user a member of every owner in the databases, on both sides; what it joins is recorded before. */
export async function joinOwners(
  postgres: Postgres,
  databases: readonly string[],
  ledger: readonly Membership[],
  record: (memberships: readonly Membership[]) => Promise<void>,
): Promise<void> {
  let memberships = ledger;
  let recorded: Promise<void> = Promise.resolve();
  // Both sides write into one list, one after the other: the latest record has everything.
  const add = (own: readonly Membership[]) => {
    memberships = [...memberships, ...own.filter((one) => !memberships.some((known) => same(one, known)))];
    const all = memberships;
    recorded = recorded.then(() => record(all));
    return recorded;
  };
  await settleAll(
    sides.map(async (side) => {
      for (const database of databases) {
        const sql = await postgres.database(side, database);
        await joinRoles(sql, [...new Set([await databaseOwner(sql), ...(await objectOwners(sql))])], memberships, add);
      }
    }),
  );
}

const sides = ['source', 'destination'] as const;

/** Waits for all of them before the first failure is told: nothing goes on behind its back. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  for (const one of await Promise.allSettled(work)) if (one.status === 'rejected') throw one.reason;
}

function same(left: Membership, right: Membership): boolean {
  return left.side === right.side && left.role === right.role && left.member === right.member;
}
