import { setTimeout as pause } from 'node:timers/promises';
import { NeedsHuman } from '../errors.ts';
import { createEach } from './carry-over.ts';
import { poke } from './drain.ts';
import { literal } from './identifiers.ts';
import { joinRoles, type Membership } from './membership.ts';
import { tableDefinitions, userTables } from './table-definition.ts';
import type { Postgres, Sql } from './types.ts';

/** What Database Migration Service made on the destination belongs to this role, and it applies with its rights. */
const externalSync = 'cloudsqlexternalsync';
const syncedWithinMs = 10 * 60_000;

export interface CarryForwardRequest {
  readonly postgres: Postgres;
  readonly database: string;
  /** Of user migration, who made the job's replication sets on the source. */
  readonly password: string;
  readonly memberships: readonly Membership[];
  record(memberships: readonly Membership[]): Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Makes tables and partitions that the source got during the copy on the destination, and adds them to the migration job's own
 * replication set, with the rows that they have already. What the job's sets do not take: NeedsHuman `schema.not-carried`, with the way out.
 * Gives the tables that were carried over.
 */
export async function carryForward(request: CarryForwardRequest): Promise<readonly string[]> {
  const { postgres, database } = request;
  const [here, there] = await Promise.all([postgres.database('source', database), postgres.database('destination', database)]);
  const [ours, theirs] = await Promise.all([userTables(here), userTables(there)]);
  const found = await tableDefinitions(
    here,
    [...ours].filter((key) => !theirs.has(key)),
  );
  await joinRoles(there, [externalSync], request.memberships, request.record);
  const { problems } = await createEach(
    there,
    found.map((definition) => ({ ...definition, owner: externalSync })),
  );
  if (problems.length > 0) throw notCarried(problems.join('; '));
  await replicate(request);
  const keys = new Set(found.map(({ key }) => key));
  await synchronized(
    there,
    (await here.look<{ key: string; schema: string; name: string }>(leafTables)).filter(({ key }) => keys.has(key)),
    request,
  );
  return found.map(({ shown }) => shown);
}

/** Ordinary tables and leaves: only they are in pglogical's sets. */
const leafTables = `select format('"%s"."%s"', replace(n.nspname, '"', '""'), replace(c.relname, '"', '""')) as key, n.nspname::text as schema, c.relname::text as name
   from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and c.relpersistence = 'p'
     and n.nspname !~ '^(pg_|pglogical|pgupgrade)' and n.nspname <> 'information_schema'
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`;

/** The same by hand, as SQL. */
export async function carryForwardSql(postgres: Postgres, database: string): Promise<string> {
  const [here, there] = await Promise.all([postgres.database('source', database), postgres.database('destination', database)]);
  const [ours, theirs] = await Promise.all([userTables(here), userTables(there)]);
  const found = await tableDefinitions(
    here,
    [...ours].filter((key) => !theirs.has(key)),
  );
  const made = found.flatMap(({ statements, attach, afterwards }) => [...statements, ...(attach === null ? [] : [attach]), ...afterwards]);
  const set = `(select s.set_name from pglogical.replication_set s join pglogical.replication_set_table t on t.set_id = s.set_id where s.replicate_update group by 1 order by count(*) desc limit 1)`;
  return [
    `-- on the destination, database ${database}`,
    `set role ${externalSync};`,
    ...made.map((statement) => `${statement};`),
    `-- on the source, database ${database}, as user migration; of a partitioned table only the partitions`,
    ...found.map(({ key }) => `select pglogical.replication_set_add_table(${set}, ${literal(key)}, true);`),
    '',
  ].join('\n');
}

async function replicate({ postgres, database, password }: CarryForwardRequest): Promise<void> {
  const session = await postgres.login('source', database, 'migration', password);
  try {
    const [set] = await session.look<{ name: string }>(
      `select s.set_name::text as name from pglogical.replication_set s join pglogical.replication_set_table t on t.set_id = s.set_id
       where s.replicate_update and s.replicate_delete group by s.set_name order by count(*) desc, s.set_name limit 1`,
    );
    if (!set) throw notCarried('the migration job has no replication set on the source');
    const missing = await session.look<{ key: string }>(
      `select l.key from (${leafTables}) l where not exists (select from pglogical.replication_set_table t where t.set_reloid = l.key::regclass)`,
    );
    for (const { key } of missing)
      await session.change(
        'select pglogical.replication_set_add_table(set_name := $1, relation := $2::text::regclass, synchronize_data := true)',
        [set.name, key],
      );
  } catch (error) {
    throw error instanceof NeedsHuman && error.code !== 'schema.not-carried' ? notCarried(error.message) : error;
  } finally {
    await session.end();
  }
}

/**
 * Their rows are copied by a worker of their own; until it is through, a comparison would find them missing. That worker ends
 * with the first commit behind the position at which the subscription waits for it: where nobody writes, both would
 * wait until the walsender's timeout (pglogical 2.4), so that one is made.
 */
async function synchronized(
  there: Sql,
  tables: readonly { readonly schema: string; readonly name: string }[],
  { postgres, database, signal }: CarryForwardRequest,
): Promise<void> {
  const until = Date.now() + syncedWithinMs;
  const wanted = tables.map(({ schema, name }) => `${schema}.${name}`);
  for (;;) {
    signal.throwIfAborted();
    const ready = await there.transaction(async (tx) => {
      await tx.change(`set local role ${externalSync}`);
      return tx.look<{ name: string }>(
        `select sync_nspname || '.' || sync_relname as name from pglogical.local_sync_status where sync_status in ('y', 'r')`,
      );
    });
    const open = wanted.filter((table) => !ready.some(({ name }) => name === table));
    if (open.length === 0) return;
    if (Date.now() > until) throw notCarried(`the rows of ${open.join(', ')} are not copied after ${syncedWithinMs / 60_000} minutes`);
    await poke(postgres, 'source', database);
    await pause(200, undefined, { signal });
  }
}

function notCarried(why: string): NeedsHuman {
  return new NeedsHuman('schema.not-carried', `What is new on the source could not be carried over to the destination: ${why}.`, {
    remedy: 'Put right what is named and press Retry; or *Restart the copy*: it takes everything anew.',
    restartCopy: true,
  });
}
