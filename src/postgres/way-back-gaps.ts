import { carryOver } from './carry-over.ts';
import type { Postgres, Sql } from './types.ts';
import { wayBackName } from './way-back.ts';

const own = `c.relpersistence = 'p' and n.nspname !~ '^(pg_|pglogical|pgupgrade)' and n.nspname <> 'information_schema'`;

/** Each as a sentence with the object's name. */
export interface WayBackGaps {
  /** Tables and partitions that the old instance lacks: a row of one stops the replication until it is made, and is not lost. */
  readonly missing: readonly string[];
  /** Tables that the subscription does not know (their rows are skipped without a word), and columns that the old instance lacks. */
  readonly others: readonly string[];
}

/** What the new instance has and the way back does not bring. */
export async function wayBackGaps(postgres: Postgres, uid: string, databases: readonly string[]): Promise<WayBackGaps> {
  const lacking: string[] = [];
  const gaps: string[] = [];
  for (const database of databases) {
    const [old, fresh] = await Promise.all([postgres.database('source', database), postgres.database('destination', database)]);
    const name = wayBackName(uid, databases, database);
    const [there, here, published, subscribed] = await Promise.all([
      columnsOf(fresh),
      columnsOf(old),
      publishedOf(fresh, name),
      subscribedOf(old, name),
    ]);
    for (const [table, columns] of there) {
      const known = here.get(table);
      if (!known) lacking.push(`${table} of database ${database} is not on the old instance`);
      else if (!subscribed.has(table) && published.has(table))
        gaps.push(`the subscription on the old instance does not know ${table} of database ${database}`);
      const missing = columns.filter((column) => known && !known.includes(column));
      if (missing.length > 0) gaps.push(`column ${missing.join(', ')} of ${table} (database ${database}) is not on the old instance`);
    }
  }
  return { missing: lacking, others: gaps };
}

/** Makes on the old instance what it lacks of tables and partitions. Gives what could not be made, as sentences. */
export async function carryBack(postgres: Postgres, uid: string, databases: readonly string[]): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const database of databases) {
    const [here, there] = await Promise.all([postgres.database('source', database), postgres.database('destination', database)]);
    problems.push(...(await carryOver(there, here, wayBackName(uid, databases, database))).problems);
  }
  return problems;
}

async function columnsOf(sql: Sql): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await sql.look<{ name: string; columns: string[] }>(
    `select format('%I.%I', n.nspname, c.relname) as name, array_agg(a.attname::text) filter (where a.attname is not null) as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relkind in ('r', 'p') and ${own} group by 1 order by 1`,
  );
  return new Map(rows.map(({ name, columns }) => [name, columns ?? []]));
}

async function publishedOf(sql: Sql, publication: string): Promise<ReadonlySet<string>> {
  const rows = await sql.look<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_publication_tables where pubname = $1`,
    [publication],
  );
  return new Set(rows.map(({ name }) => name));
}

async function subscribedOf(sql: Sql, subscription: string): Promise<ReadonlySet<string>> {
  const rows = await sql.look<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name from pg_subscription_rel r join pg_subscription s on s.oid = r.srsubid
     join pg_database d on d.oid = s.subdbid and d.datname = current_database()
     join pg_class c on c.oid = r.srrelid join pg_namespace n on n.oid = c.relnamespace where s.subname = $1`,
    [subscription],
  );
  return new Set(rows.map(({ name }) => name));
}
