import { setTimeout as pause } from 'node:timers/promises';
import { sqlState } from './errors.ts';
import type { Postgres, Side, Sql } from './types.ts';

/** The slots of one database's change feeds. */
export interface ProofSlots {
  /** On both servers: every change. */
  readonly feed: string;
  /** On the destination: those that nobody replicated. */
  readonly local: string;
}
export interface ProofSlotsRequest {
  readonly postgres: Postgres;
  readonly uid: string;
  readonly databases: readonly string[];
  /** Users with REPLICATION: `migration` on the source, `wayback` on the destination. */
  readonly users: Readonly<Record<Side, { readonly user: string; readonly password: string }>>;
}
/** How the slots of a proof stand. */
export interface ProofSlotsLook {
  /** Why the feeds are not whole any more, or `undefined`. */
  readonly lost: string | undefined;
  /** WAL that they keep, in bytes, of the side that keeps most. */
  readonly retainedBytes: number;
  readonly retainedOn: Side;
}
const plugin = 'test_decoding';
const slotInUse = '55006';
/** A logical slot waits for every transaction that was open when it was begun. */
const createdWithinMs = 30_000;

/** Slots belong to the whole server, so further databases get a number. */
export function proofSlots(uid: string, databases: readonly string[], database: string): ProofSlots {
  const position = [...databases].sort().indexOf(database);
  const number = position > 0 ? `_${position + 1}` : '';
  return { feed: `pgupgrade_proof_${uid}${number}`, local: `pgupgrade_local_${uid}${number}` };
}

/**
 * Makes them anew: whatever they were, changes are told from here on. The users must have REPLICATION. Errors: those of
 * postgres/errors.ts, a statement timeout where a transaction stays open.
 */
export async function createProofSlots(request: ProofSlotsRequest): Promise<void> {
  await dropProofSlots(request);
  await eachSlot(request, async (sql, slot) => {
    await sql.change(`select pg_create_logical_replication_slot($1, '${plugin}')`, [slot], { timeoutMs: createdWithinMs });
  });
}

/** Ends who reads from them. What is gone already is left, and so is a server that is none of `sides`. */
export async function dropProofSlots(request: ProofSlotsRequest, sides: readonly Side[] = ['source', 'destination']): Promise<void> {
  const present = await Promise.all(sides.map((side) => presentOn(request, side)));
  const names = new Map(sides.map((side, i) => [side, present[i]]));
  await eachSlot(
    request,
    async (sql, slot) => {
      if (names.get(sql.side)?.has(slot)) await dropSlot(sql, slot);
    },
    sides.filter((side) => (names.get(side)?.size ?? 0) > 0),
  );
}

/** The same for a person, as a user with REPLICATION. */
export function dropProofSlotsSql(uid: string): string {
  return `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name ~ '^pgupgrade_(proof|local)_${uid}' and not active`;
}

/** Ends whoever reads from them, so that this process can. */
export async function endProofReaders(request: ProofSlotsRequest): Promise<void> {
  await eachSlot(request, async (sql, slot) => {
    await sql.look('select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where slot_name = $1 and active', [slot]);
  });
}

/** Whoever read from it may come back once before it sees that it should not. */
async function dropSlot(sql: Sql, slot: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    await sql.change('select pg_terminate_backend(active_pid, 5000) from pg_replication_slots where slot_name = $1 and active', [slot]);
    try {
      await sql.change('select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1', [slot]);
      return;
    } catch (error) {
      if (attempt === 10 || sqlState(error) !== slotInUse) throw error;
      await pause(100);
    }
  }
}

/** Is one of them left on either server? */
export async function hasProofSlots(request: Pick<ProofSlotsRequest, 'postgres' | 'uid'>): Promise<boolean> {
  const present = await Promise.all([presentOn(request, 'source'), presentOn(request, 'destination')]);
  return present.some(({ size }) => size > 0);
}

async function presentOn({ postgres, uid }: Pick<ProofSlotsRequest, 'postgres' | 'uid'>, side: Side): Promise<ReadonlySet<string>> {
  const sql = await postgres.database(side, 'postgres');
  const rows = await sql.look<{ name: string }>(
    `select slot_name::text as name from pg_replication_slots where slot_name ~ $1 and plugin = '${plugin}'`,
    [`^pgupgrade_(proof|local)_${uid}(_|$)`],
  );
  return new Set(rows.map(({ name }) => name));
}

async function eachSlot(
  request: ProofSlotsRequest,
  work: (sql: Sql, slot: string) => Promise<void>,
  sides: readonly Side[] = ['source', 'destination'],
): Promise<void> {
  const { postgres, uid, databases, users } = request;
  for (const database of databases) {
    const { feed, local } = proofSlots(uid, databases, database);
    for (const [side, names] of [
      ['source', [feed]],
      ['destination', [feed, local]],
    ] as const) {
      if (!sides.includes(side)) continue;
      const { user, password } = users[side];
      const session = await postgres.login(side, database, user, password);
      try {
        for (const name of names) await work(session, name);
      } finally {
        await session.end();
      }
    }
  }
}

/** Are the feeds whole, and what do they keep on the disks? */
export async function lookAtProofSlots({
  postgres,
  uid,
  databases,
}: Pick<ProofSlotsRequest, 'postgres' | 'uid' | 'databases'>): Promise<ProofSlotsLook> {
  const wanted = databases.map((database) => proofSlots(uid, databases, database));
  const look = async (side: Side, names: readonly string[]) => {
    const sql = await postgres.database(side, 'postgres');
    const rows = await sql.look<{ name: string; status: string; retained: string }>(
      `select slot_name::text as name, coalesce(wal_status, 'unknown') as status,
              coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint::text as retained
       from pg_replication_slots where slot_name = any ($1)`,
      [names],
    );
    const gone = names.find((name) => !rows.some((row) => row.name === name));
    const dead = rows.find(({ status }) => status === 'lost');
    return {
      side,
      retained: Math.max(0, ...rows.map((row) => Number(row.retained))),
      lost: gone
        ? `the ${side} has no slot ${gone} any more`
        : dead && `the ${side} has removed WAL that slot ${dead.name} still needed (max_slot_wal_keep_size)`,
    };
  };
  const [source, destination] = await Promise.all([
    look(
      'source',
      wanted.map(({ feed }) => feed),
    ),
    look(
      'destination',
      wanted.flatMap(({ feed, local }) => [feed, local]),
    ),
  ]);
  const most = source.retained >= destination.retained ? source : destination;
  return { lost: source.lost ?? destination.lost, retainedBytes: most.retained, retainedOn: most.side };
}
