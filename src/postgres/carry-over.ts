import { setTimeout as pause } from 'node:timers/promises';
import { Transient } from '../errors.ts';
import { identifier, literal, qualified } from './identifiers.ts';
import { type TableDefinition, tableDefinitions, userTables } from './table-definition.ts';
import type { Sql } from './types.ts';
import { holdSlot } from './way-back.ts';

export interface CarriedOver {
  /** Tables and partitions that were made on the old server. */
  readonly created: readonly { readonly shown: string; readonly partition: boolean }[];
  /** Sentences: what could not be made there. */
  readonly problems: readonly string[];
  /** Tables that somebody else made on the old server: what was written to them so far was skipped without a word. */
  readonly gaps: readonly string[];
}
const workerGoneWithinMs = 20_000;

/**
 * Makes on the old server (`here`) what the new one (`there`) has more of tables and partitions, and lets subscription `name` follow them.
 *
 * A partition needs no more than to exist: its rows come as its root's, and until it exists the apply fails and tries again.
 * A table does: one that exists and is not yet in the subscription loses its changes without a word, and REFRESH cannot
 * share a transaction with CREATE TABLE. So nothing may be applied between the two: the subscription is pointed at a slot that does not
 * exist, its worker is seen to be gone, then come CREATE, REFRESH and the real slot. What dies in the middle leaves that other
 * slot's name, and the next call goes on from there. A gap is followed as well once it is `told` of.
 */
export async function carryOver(there: Sql, here: Sql, name: string, told: (table: string) => boolean = () => false): Promise<CarriedOver> {
  // Two at once, the upkeep and a rollback that begins, would end each other's hold. The lock is the session's and dies with it.
  const key = [`pgupgrade ${name}`];
  await here.look('select pg_advisory_lock(hashtextextended($1, 0))', key);
  try {
    return await carryOverAlone(there, here, name, told);
  } finally {
    await here.look('select pg_advisory_unlock(hashtextextended($1, 0))', key).catch(() => undefined);
  }
}

async function carryOverAlone(there: Sql, here: Sql, name: string, told: (table: string) => boolean): Promise<CarriedOver> {
  const [theirs, ours] = await Promise.all([userTables(there), userTables(here)]);
  const missing = [...theirs].filter((table) => !ours.has(table));
  const follows = await followed(there, here, name);
  const held = follows.slot === holdSlot(name);
  const gaps = held ? [] : follows.published.filter((table) => ours.has(table) && !follows.tables.has(table));
  const toFollow = held || gaps.some(told);
  if (missing.length === 0 && !toFollow) return { created: [], problems: [], gaps };
  const definitions = await tableDefinitions(there, missing);
  const roots = definitions.filter(({ key, parent }) => parent === null && follows.published.includes(key));
  if (roots.length === 0 && !toFollow) return { ...(await createEach(here, definitions)), gaps };
  // REFRESH fails while one that is published is missing, and the hold would stay: what cannot be made is found before it.
  const hopeless = held ? [] : await cannotBeMade(here, roots);
  if (hopeless.length > 0) {
    const made = await createEach(
      here,
      definitions.filter((one) => !roots.includes(one)),
    );
    return { created: made.created, problems: [...hopeless, ...made.problems], gaps };
  }
  const made = await underHold(here, name, () => createEach(here, definitions));
  return { ...made, gaps };
}

async function followed(there: Sql, here: Sql, name: string) {
  const [subscription] = await here.look<{ slot: string | null; tables: string[] }>(
    `select subslotname::text as slot, (select coalesce(array_agg(format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""'))), '{}') from pg_subscription_rel r
       join pg_class c on c.oid = r.srrelid join pg_namespace n on n.oid = c.relnamespace where r.srsubid = s.oid) as tables
     from pg_subscription s join pg_database d on d.oid = s.subdbid where subname = $1 and d.datname = current_database()`,
    [name],
  );
  const published = await there.look<{ name: string }>(
    `select format('"%s"."%s"', replace(schemaname, '"', '""'), replace(tablename, '"', '""')) as name from pg_publication_tables
     where pubname = $1 and schemaname !~ '^(pglogical|pgupgrade)'`,
    [name],
  );
  return { slot: subscription?.slot, tables: new Set(subscription?.tables), published: published.map((row) => row.name) };
}

/** Each in a transaction of its own, parents first: one that fails must not keep the others from being made. */
export async function createEach(here: Sql, definitions: readonly TableDefinition[]): Promise<Pick<CarriedOver, 'created' | 'problems'>> {
  const created: CarriedOver['created'][number][] = [];
  const problems: string[] = [];
  for (const definition of definitions)
    await create(here, definition).then(
      () => created.push({ shown: definition.shown, partition: definition.parent !== null }),
      (error: unknown) => problems.push(sentenceOf(definition.shown, error)),
    );
  // They may refer to each other, so they come when all tables are there.
  for (const { shown, owner, afterwards } of definitions)
    for (const statement of created.some((one) => one.shown === shown) ? afterwards : [])
      await asOwner(here, owner, (tx) => tx.change(statement)).catch((error: unknown) => problems.push(sentenceOf(shown, error)));
  return { created, problems };
}

function sentenceOf(shown: string, error: unknown): string {
  if (error instanceof Transient) throw error;
  return `${shown} could not be made as it is: ${error instanceof Error ? error.message : String(error)}`;
}

/** Makes each and takes it back at once. */
async function cannotBeMade(here: Sql, definitions: readonly TableDefinition[]): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const definition of definitions) {
    let made = false;
    const takeBack = () => {
      made = true;
      throw new Error('only tried');
    };
    await create(here, definition, takeBack).catch((error: unknown) => made || problems.push(sentenceOf(definition.shown, error)));
  }
  return problems;
}

async function create(here: Sql, definition: TableDefinition, then: () => void = () => undefined): Promise<void> {
  const { schema, name, owner, statements, parent, attach } = definition;
  await asOwner(here, owner, async (tx) => {
    const [known] = await tx.look<{ found: boolean }>('select exists (select from pg_namespace where nspname = $1) as found', [schema]);
    if (!known?.found) await tx.change(`create schema ${identifier(schema)}`);
    for (const statement of statements) await tx.change(statement);
    if (parent !== null && attach !== null) {
      await moveFromDefault(tx, definition, parent, qualified(schema, name));
      await tx.change(attach);
    }
    then();
  });
}

/** Rows that came before their partition went into the default one, if there is one: without an error, and ATTACH would refuse them. */
async function moveFromDefault(tx: Sql, { bound }: TableDefinition, parent: string, table: string): Promise<void> {
  const [other] = await tx.look<{ name: string; columns: string }>(
    `select p.partdefid::regclass::text as name, (select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
       where attrelid = p.partdefid and attnum > 0 and not attisdropped and attgenerated = '') as columns
     from pg_partitioned_table p where p.partrelid = $1::regclass and p.partdefid <> 0`,
    [parent],
  );
  if (!other || bound === null) return;
  await tx.change(`lock table ${other.name} in access exclusive mode`);
  await tx.change(
    `with moved as (delete from ${other.name} where ${bound} returning ${other.columns})
     insert into ${table} (${other.columns}) overriding system value select ${other.columns} from moved`,
  );
}

async function asOwner(here: Sql, owner: string, work: (tx: Sql) => Promise<unknown>): Promise<void> {
  await here.transaction(async (tx) => {
    await tx.look(`select set_config('search_path', 'pg_catalog', true)`);
    await tx.change(`set local role ${identifier(owner)}`);
    await work(tx);
    await tx.change('reset role');
  });
}

async function underHold(
  here: Sql,
  name: string,
  work: () => Promise<Pick<CarriedOver, 'created' | 'problems'>>,
): Promise<Pick<CarriedOver, 'created' | 'problems'>> {
  const subscription = `alter subscription ${identifier(name)}`;
  await here.transaction(async (tx) => {
    await tx.patched(`${subscription} set (slot_name = ${literal(holdSlot(name))})`);
    await tx.patched(`${subscription} disable`);
  });
  await workerGone(here, name);
  const made = await work();
  // REFRESH wants it enabled; the worker that starts finds no slot of that name and can apply nothing.
  await here.patched(`${subscription} enable`);
  await here.patched(`${subscription} refresh publication with (copy_data = false)`);
  await here.patched(`${subscription} set (slot_name = ${literal(name)})`);
  return made;
}

/** It hears of the change between two transactions. Still there after a while: Transient, and the hold stays for the next call. */
async function workerGone(here: Sql, name: string): Promise<void> {
  const until = Date.now() + workerGoneWithinMs;
  for (;;) {
    const [worker] = await here.look('select 1 from pg_stat_subscription where subname = $1 and pid is not null', [name]);
    if (!worker) return;
    if (Date.now() > until)
      throw new Transient('way-back.busy', `The old instance is still applying a transaction after ${workerGoneWithinMs / 1000} s.`);
    await pause(20);
  }
}
