import { dropSlot, endReader } from './slots.ts';
import type { Postgres, Side, Sql } from './types.ts';

/** The slots of one database's change feeds. */
export interface ProofSlots {
  /** On both servers: every change. */
  readonly feed: string;
  /** Where changes go to: those that nobody replicated. */
  readonly local: string;
}
export interface ProofSlotsRequest {
  readonly postgres: Postgres;
  readonly uid: string;
  readonly databases: readonly string[];
  /** The side that changes go to. */
  readonly to: Side;
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
const both = ['source', 'destination'] as const;
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
  for (const { side, database, name } of wanted(request))
    await asUser(request, side, database, (sql) =>
      sql.change(`select pg_create_logical_replication_slot($1, '${plugin}')`, [name], { timeoutMs: createdWithinMs }),
    );
}

/** Ends who reads from them. What is gone already is left, and so is a server that is none of `sides`. */
export async function dropProofSlots(request: ProofSlotsRequest, sides: readonly Side[] = both): Promise<void> {
  for (const side of sides)
    for (const { name, database } of await presentOn(request, side)) await asUser(request, side, database, (sql) => dropSlot(sql, name));
}

/** The same for a person, as a user with REPLICATION. */
export function dropProofSlotsSql(uid: string): string {
  return `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name ~ '^pgupgrade_(proof|local)_${uid}' and not active`;
}

/** Ends whoever reads from them, so that this process can. */
export async function endProofReaders(request: ProofSlotsRequest): Promise<void> {
  for (const { side, database, name } of wanted(request)) await asUser(request, side, database, (sql) => endReader(sql, name));
}

/** Is one of them left? */
export async function hasProofSlots(request: Pick<ProofSlotsRequest, 'postgres' | 'uid'>, sides: readonly Side[] = both): Promise<boolean> {
  const present = await Promise.all(sides.map((side) => presentOn(request, side)));
  return present.some(({ length }) => length > 0);
}

interface Slot {
  readonly side: Side;
  readonly database: string;
  readonly name: string;
}

/** Every change of both sides; once more those that nobody replicated, where changes go to. */
function wanted({ uid, databases, to }: Pick<ProofSlotsRequest, 'uid' | 'databases' | 'to'>): readonly Slot[] {
  return databases.flatMap((database) => {
    const { feed, local } = proofSlots(uid, databases, database);
    return [
      { side: 'source', database, name: feed },
      { side: 'destination', database, name: feed },
      { side: to, database, name: local },
    ] as const;
  });
}

async function presentOn({ postgres, uid }: Pick<ProofSlotsRequest, 'postgres' | 'uid'>, side: Side): Promise<readonly Slot[]> {
  const sql = await postgres.database(side, 'postgres');
  const rows = await sql.look<{ name: string; database: string }>(
    `select slot_name::text as name, database::text as database from pg_replication_slots where slot_name ~ $1 and plugin = '${plugin}' order by 1`,
    [`^pgupgrade_(proof|local)_${uid}(_|$)`],
  );
  return rows.map((row) => ({ side, ...row }));
}

async function asUser<T>(
  { postgres, users }: ProofSlotsRequest,
  side: Side,
  database: string,
  work: (sql: Sql) => Promise<T>,
): Promise<void> {
  const session = await postgres.login(side, database, users[side].user, users[side].password);
  try {
    await work(session);
  } finally {
    await session.end();
  }
}

/** Are the feeds whole, and what do they keep on the disks? */
export async function lookAtProofSlots(request: Pick<ProofSlotsRequest, 'postgres' | 'uid' | 'databases' | 'to'>): Promise<ProofSlotsLook> {
  const look = async (side: Side) => {
    const names = wanted(request).flatMap((slot) => (slot.side === side ? [slot.name] : []));
    const sql = await request.postgres.database(side, 'postgres');
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
  const [source, destination] = await Promise.all([look('source'), look('destination')]);
  const most = source.retained >= destination.retained ? source : destination;
  return { lost: source.lost ?? destination.lost, retainedBytes: most.retained, retainedOn: most.side };
}
