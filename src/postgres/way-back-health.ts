import { setTimeout as pause } from 'node:timers/promises';
import { majorVersion } from './membership.ts';
import type { Postgres, Sql } from './types.ts';
import { dropSlotAs, dropSubscription, type WayBackRequest, wayBackName } from './way-back.ts';

/** How one database's way back stands, in bytes of the new instance's WAL. */
export interface WayBackHealth {
  readonly database: string;
  /** Of publication, slot and subscription alike. */
  readonly name: string;
  /** Written on the new instance and not yet confirmed by the old one. */
  readonly lagBytes: number;
  /** What the slot keeps on the new instance's disk. */
  readonly retainedBytes: number;
  /** The old instance reads now. */
  readonly active: boolean;
  /** `lost`: the new instance has removed WAL that it needs. */
  readonly walStatus: string;
  readonly confirmed: string;
  /** Failed attempts of the old instance to apply; 0 before version 15, which does not count them. */
  readonly errors: number;
  /** Since when it is at `confirmed` (ms since the epoch), as far as the looks before saw, and the errors of then. */
  readonly still: { readonly since: number; readonly errors: number };
}

const stoppedAfterMs = 12_000;

/** The way back of each database, compared with the look before; one that has no slot (any more) is left out. */
export async function wayBackHealth(
  postgres: Postgres,
  uid: string,
  databases: readonly string[],
  before: readonly WayBackHealth[],
): Promise<readonly WayBackHealth[]> {
  const healths: WayBackHealth[] = [];
  for (const database of databases) {
    const name = wayBackName(uid, databases, database);
    const there = await postgres.database('destination', database);
    const [slot] = await there.look<Omit<WayBackHealth, 'database' | 'name' | 'errors' | 'still'> & Record<string, unknown>>(
      `select greatest(0, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn))::float8 as "lagBytes", active, coalesce(wal_status, 'unknown') as "walStatus",
              coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::float8 as "retainedBytes", coalesce(confirmed_flush_lsn::text, '0/0') as confirmed
       from pg_replication_slots where slot_name = $1`,
      [name],
    );
    if (!slot) continue;
    const errors = await failedApplies(await postgres.database('source', database), name);
    const earlier = before.find((one) => one.name === name && one.confirmed === slot.confirmed);
    healths.push({ ...slot, database, name, errors, still: earlier?.still ?? { since: Date.now(), errors } });
  }
  return healths;
}

async function failedApplies(here: Sql, name: string): Promise<number> {
  if ((await majorVersion(here)) < 15) return 0;
  const [row] = await here.look<{ count: number }>(
    'select apply_error_count::int as count from pg_stat_subscription_stats where subname = $1',
    [name],
  );
  return row?.count ?? 0;
}

/**
 * It stands still although there is something to apply: nobody reads, or what is read fails again and again. A worker that failed
 * is started again after 5 s, so that a short while says nothing.
 */
export function hasStopped({ lagBytes, active, errors, still }: WayBackHealth): boolean {
  return lagBytes > 0 && Date.now() - still.since > stoppedAfterMs && (!active || errors > still.errors);
}

/**
 * The tables of the first transaction that the old instance has not confirmed: where it stops, they are what it cannot
 * apply. The error's own words are in its log alone. Read from the slot as the way back's user, in a moment in which nobody else
 * reads it; empty where there was none.
 */
export async function firstUnconfirmed(
  request: Pick<WayBackRequest, 'postgres' | 'user' | 'password'>,
  { database, name }: Pick<WayBackHealth, 'database' | 'name'>,
): Promise<readonly string[]> {
  const session = await request.postgres.login('destination', database, request.user, request.password);
  try {
    for (let time = 0; time < 10; time += 1) {
      const rows = await session
        .look<{ data: Buffer }>(
          `select data from pg_logical_slot_peek_binary_changes($1::name, null, 1, 'proto_version', '1', 'publication_names', $2::text) where get_byte(data, 0) = 82`,
          [name, name],
          { timeoutMs: 5_000 },
        )
        .catch(() => undefined);
      if (rows) return [...new Set(rows.map(({ data }) => relationOf(data)))];
      await pause(300);
    }
    return [];
  } finally {
    await session.end();
  }
}

/** A Relation message of pgoutput: type, oid, then schema and name, each ended by a zero. */
function relationOf(message: Buffer): string {
  const [schema = '', name = ''] = message.subarray(5).toString('utf8').split('\0');
  return `${schema}.${name}`;
}

/** The way back of one database is given up: its slot would fill the new instance's disk. */
export async function giveUpWayBack(request: WayBackRequest, { database, name }: Pick<WayBackHealth, 'database' | 'name'>): Promise<void> {
  await dropSlotAs(request, 'destination', database, name);
  await dropSubscription(await request.postgres.database('source', database), name);
}
