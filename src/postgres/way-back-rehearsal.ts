import { setTimeout as pause } from 'node:timers/promises';
import { NeedsHuman, Transient } from '../errors.ts';
import { databaseOwner } from './catalogue.ts';
import { identifier, literal } from './identifiers.ts';
import { joinRoles, leaveRoles, type Membership, majorVersion } from './membership.ts';
import type { Side, Sql } from './types.ts';
import { allowReplication, conninfo, createSlot, dropSlotAs, dropSubscription, type WayBackRequest } from './way-back.ts';

export interface Rehearsal {
  /** Sentences: why the way back cannot be armed. Empty: everything it needs has worked. */
  readonly problems: readonly string[];
  readonly tried: readonly string[];
}
interface Direction extends WayBackRequest {
  readonly from: Side;
  readonly to: Side;
  readonly database: string;
}
const schema = 'pgupgrade_rehearsal';
const arrivesWithinMs = 15_000;

/**
 * Tries what the way back needs in each database, both ways, on a scratch table in a schema that is neither replicated nor
 * compared: login with REPLICATION, TLS between the servers, publication, slot, subscription, and one row that must
 * arrive. Never a publication of all tables with a subscription: the changes that the migration applies would go back.
 * `record` keeps the memberships that it needs meanwhile; they are taken back at the end, as is everything it makes.
 */
export async function rehearseWayBack(
  request: WayBackRequest,
  ledger: readonly Membership[],
  record: (memberships: readonly Membership[]) => Promise<void>,
  signal: AbortSignal,
): Promise<Rehearsal> {
  const problems: string[] = [];
  const tried: string[] = [];
  const rested = await restOf(await request.postgres.database('source', 'postgres'));
  let memberships = ledger;
  const keep = async (now: readonly Membership[]) => {
    memberships = now;
    await record(now);
  };
  try {
    for (const side of ['source', 'destination'] as const) await allowReplication(request.postgres, side, request.user);
    for (const database of request.databases) {
      for (const side of ['source', 'destination'] as const) {
        const sql = await request.postgres.database(side, database);
        await joinRoles(sql, [await databaseOwner(sql)], memberships, keep);
      }
      for (const [from, to] of [
        ['destination', 'source'],
        ['source', 'destination'],
      ] as const) {
        const words = `database ${database}, from the ${from} to the ${to}`;
        const problem = await tryDirection({ ...request, from, to, database }, signal).catch(sentenceOf);
        if (to === 'source') rested.begin();
        if (problem === undefined) tried.push(words);
        else problems.push(`${words}: ${problem}`);
      }
      const other = await lacks(request, database).catch(sentenceOf);
      if (other !== undefined) problems.push(`database ${database}: ${other}`);
    }
  } catch (error) {
    problems.push(sentenceOf(error));
  } finally {
    for (const side of ['source', 'destination'] as const) await leaveRoles(await request.postgres.database(side, 'postgres'), memberships);
  }
  await rested.end(signal);
  return { problems, tried };
}

/**
 * Before 16 a server starts no worker of any subscription within `wal_retrieve_retry_interval` (5 s) of the last one: a cutover
 * that follows at once would wait for that inside the write stop, with nobody writing. It is waited for here.
 */
async function restOf(source: Sql): Promise<{ begin(): void; end(signal: AbortSignal): Promise<void> }> {
  const [row] = await source.look<{ ms: number }>(
    `select setting::int as ms from pg_settings where name = 'wal_retrieve_retry_interval' and $1 < 16`,
    [await majorVersion(source)],
  );
  let until = 0;
  return {
    begin() {
      until = Date.now() + (row?.ms ?? 0);
    },
    end: (signal) => pause(Math.max(0, until - Date.now()), undefined, { signal }).catch(() => signal.throwIfAborted()),
  };
}

/** A person must read it on the card, also that the one server does not reach the other; only the end of the execution is none. */
function sentenceOf(error: unknown): string {
  if (error instanceof NeedsHuman || (error instanceof Transient && error.code !== 'postgres.cancelled')) return error.message;
  throw error;
}

async function tryDirection(direction: Direction, signal: AbortSignal): Promise<string | undefined> {
  const { postgres, from, to, database, uid } = direction;
  const [publisher, subscriber] = await Promise.all([postgres.database(from, database), postgres.database(to, database)]);
  const name = `pgupgrade_rehearsal_${uid}`;
  const table = `${schema}.${identifier(`probe_${from}`)}`;
  await removeScratch(direction, name);
  try {
    for (const sql of [publisher, subscriber]) {
      await sql.change(`create schema if not exists ${schema}`);
      await sql.change(`create table ${table} (id integer primary key)`);
    }
    await publisher.change(`create publication ${identifier(name)} for table ${table}`);
    await createSlot(direction, database, name, from);
    const connection = conninfo(await postgres.address(from), database, direction);
    await subscriber.patched(
      `create subscription ${identifier(name)} connection ${literal(connection)} publication ${identifier(name)} with (create_slot = false, slot_name = ${literal(name)}, copy_data = false, enabled = false)`,
    );
    await subscriber.patched(`alter subscription ${identifier(name)} enable`);
    await publisher.change(`insert into ${table} values (1)`);
    return await arrived(subscriber, table, signal);
  } finally {
    await removeScratch(direction, name);
  }
}

async function arrived(subscriber: Sql, table: string, signal: AbortSignal): Promise<string | undefined> {
  const until = Date.now() + arrivesWithinMs;
  for (;;) {
    signal.throwIfAborted();
    if ((await subscriber.look(`select from ${table}`)).length > 0) return undefined;
    if (Date.now() > until) return `a row did not arrive within ${arrivesWithinMs / 1000} s; the ${subscriber.side}'s log says why`;
    await pause(50, undefined, { signal });
  }
}

async function removeScratch(direction: Direction, name: string): Promise<void> {
  const { postgres, from, to, database } = direction;
  const [publisher, subscriber] = await Promise.all([postgres.database(from, database), postgres.database(to, database)]);
  const [subscription] = await subscriber.look(
    'select from pg_subscription s join pg_database d on d.oid = s.subdbid where subname = $1 and d.datname = current_database()',
    [name],
  );
  if (subscription) await dropSubscription(subscriber, name);
  const [slot] = await publisher.look('select from pg_replication_slots where slot_name = $1', [name]);
  if (slot) await dropSlotAs(direction, from, database, name);
  for (const sql of [publisher, subscriber]) {
    await sql.change(`drop publication if exists ${identifier(name)}`);
    await sql.change(`drop schema if exists ${schema} cascade`);
  }
}

/** What the scratch table cannot show: the right to publish all tables, tables whose changes could not be sent or applied. */
async function lacks({ postgres, uid }: WayBackRequest, database: string): Promise<string | undefined> {
  const [source, destination] = await Promise.all([postgres.database('source', database), postgres.database('destination', database)]);
  const all = identifier(`pgupgrade_rehearsal_all_${uid}`);
  // Inserts only: while it exists, a publication of updates would refuse them on a table without a key.
  await destination.patched(`drop publication if exists ${all}`);
  await destination.patched(`create publication ${all} for all tables with (publish = 'insert')`);
  await destination.patched(`drop publication ${all}`);
  const own = `c.relkind = 'r' and c.relpersistence = 'p' and n.nspname !~ '^(pg_|pglogical|pgupgrade)' and n.nspname <> 'information_schema'`;
  const keyless = await destination.look<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where ${own} and (c.relreplident = 'n' or c.relreplident = 'd' and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)) order by 1`,
  );
  if (keyless.length > 0)
    return `without a primary key an UPDATE or DELETE would be refused while the way back is armed: ${keyless.map(({ name }) => name).join(', ')}`;
  const secured = await source.look<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${own} and c.relrowsecurity order by 1`,
  );
  if (secured.length > 0) return `row security stops the apply on the old server: ${secured.map(({ name }) => name).join(', ')}`;
  return undefined;
}
