import { NeedsHuman } from '../errors.ts';
import { type ConstraintEntry, constraint } from './catalogue.ts';
import { identifier, qualified } from './identifiers.ts';
import type { Sql } from './types.ts';

/** A dropped constraint in the ledger. `byHand`: it was gone before the run, so the source is not given it back. */
export type DroppedConstraint = ConstraintEntry & { readonly database: string; readonly byHand?: true };

const buildTimeoutMs = 3_600_000;
/** It blocks nobody while it waits for old transactions, so it may wait. */
const concurrently = { timeoutMs: buildTimeoutMs, lockTimeoutMs: buildTimeoutMs };
const uniqueDefinition =
  /^(?:UNIQUE|PRIMARY KEY)(?<nulls> NULLS NOT DISTINCT)? \((?<columns>[^()]+)\)(?<include> INCLUDE \([^()]+\))?(?<with> WITH \([^()]+\))?(?<late>(?: NOT)? DEFERRABLE(?: INITIALLY DEFERRED)?)?$/;

const nothingToSearch = { duplicates: undefined, duplicateRows: undefined, columns: [] };

export interface RestorePlan {
  /** Built without a lock that stops writes; absent: the constraint can only be added whole, under its lock. */
  readonly index: string | undefined;
  readonly attach: string;
  /** Counts keys that are there more than once. */
  readonly duplicates: string | undefined;
  /** The first of those rows, as JSON. */
  readonly duplicateRows: string | undefined;
  /** The constraint's own columns, as their names are. */
  readonly columns: readonly string[];
}

/**
 * How a constraint comes back. ADD CONSTRAINT builds its index under ACCESS EXCLUSIVE; a unique index built
 * CONCURRENTLY and then attached holds that lock for a moment only and gives the same definition.
 */
export function restorePlan(entry: ConstraintEntry, options: { readonly partitioned: boolean }): RestorePlan {
  const table = qualified(entry.schema, entry.table);
  const name = identifier(entry.name);
  const parts = uniqueDefinition.exec(entry.definition)?.groups;
  if (!parts || entry.kind === 'x' || options.partitioned || parts['columns'] === undefined || / WITHOUT OVERLAPS$/.test(parts['columns']))
    return { index: undefined, attach: `alter table ${table} add constraint ${name} ${entry.definition}`, ...nothingToSearch };
  const { columns, nulls = '', include = '', with: storage = '', late = '' } = parts;
  const kind = entry.kind === 'p' ? 'primary key' : 'unique';
  const notNull = nulls === '' ? `where (${columns}) is not null` : '';
  return {
    index: `create unique index concurrently ${name} on ${table} (${columns})${include}${nulls}${storage}`,
    attach: `alter table ${table} add constraint ${name} ${kind} using index ${name}${late}`,
    duplicateRows: `select to_jsonb(t) as row from ${table} t where (${columns}) in (select ${columns} from ${table} ${notNull} group by ${columns} having count(*) > 1 limit 10) order by ${columns} limit 20`,
    columns: [...columns.matchAll(/"((?:[^"]|"")*)"|([^\s,"]+)/g)].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? ''),
    duplicates: `select count(*) as keys from (select from ${table} ${notNull} group by ${columns} having count(*) > 1) d`,
  };
}

/** Is it there again, exactly as it was? A constraint of that name with another definition: NeedsHuman `postgres.constraint-differs`. */
export async function isRestored(sql: Sql, entry: ConstraintEntry): Promise<boolean> {
  const now = await constraint(sql, entry);
  if (now && now.definition !== entry.definition)
    throw new NeedsHuman(
      'postgres.constraint-differs',
      `Constraint ${entry.name} on ${entry.schema}.${entry.table} is "${now.definition}" on the ${sql.side}; it was "${entry.definition}".`,
      { remedy: 'Drop the one that is there, then retry.' },
    );
  return now !== undefined;
}

export async function isPartitioned(sql: Sql, entry: Pick<ConstraintEntry, 'schema' | 'table'>): Promise<boolean> {
  const [row] = await sql.look<{ relkind: string }>(
    'select relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relname = $2',
    [entry.schema, entry.table],
  );
  return row?.relkind === 'p';
}

/** Gives one constraint back: duplicates searched first, an invalid index of an earlier try dropped, the definition compared at the end. */
export async function restoreConstraint(sql: Sql, entry: ConstraintEntry): Promise<void> {
  if (await isRestored(sql, entry)) return;
  const plan = restorePlan(entry, { partitioned: await isPartitioned(sql, entry) });
  if (plan.duplicates !== undefined) {
    const [row] = await sql.look<{ keys: string }>(plan.duplicates, [], { timeoutMs: buildTimeoutMs });
    if (Number(row?.keys ?? 0) > 0)
      throw new NeedsHuman(
        'postgres.duplicate-rows',
        `${row?.keys} keys of ${entry.name} are in ${entry.schema}.${entry.table} more than once on the ${sql.side}.`,
        { remedy: 'Remove the duplicates that came while the constraint was off, then retry.' },
      );
  }
  if (plan.index !== undefined && (await dropInvalidIndex(sql, entry)) === 'none') await buildIndex(sql, entry, plan.index);
  await sql.change(plan.attach, [], plan.index === undefined ? { timeoutMs: buildTimeoutMs } : {});
  await isRestored(sql, entry);
}

/** Rows that are in each other's way, at most 20 of 10 keys, by column; and the columns of the key. */
export async function duplicateRows(
  sql: Sql,
  entry: ConstraintEntry,
): Promise<{ readonly columns: readonly string[]; readonly rows: readonly Readonly<Record<string, unknown>>[] }> {
  const { duplicateRows: query, columns } = restorePlan(entry, { partitioned: await isPartitioned(sql, entry) });
  const found = query === undefined ? [] : await sql.look<{ row: Record<string, unknown> }>(query, [], { timeoutMs: buildTimeoutMs });
  return { columns, rows: found.map(({ row }) => row) };
}

async function buildIndex(sql: Sql, entry: ConstraintEntry, statement: string): Promise<void> {
  try {
    await sql.change(statement, [], concurrently);
  } catch (error) {
    // A failed CONCURRENTLY leaves an invalid index that slows every write; the first error is the one to tell.
    await dropInvalidIndex(sql, entry).catch(() => undefined);
    throw error;
  }
}

/** `valid`: an index of that name is ready to be attached (a try that died before it). */
async function dropInvalidIndex(sql: Sql, entry: ConstraintEntry): Promise<'none' | 'valid'> {
  const [row] = await sql.look<{ valid: boolean }>(
    `select i.indisvalid as valid from pg_index i join pg_class x on x.oid = i.indexrelid join pg_namespace n on n.oid = x.relnamespace
      where n.nspname = $1 and x.relname = $2`,
    [entry.schema, entry.name],
  );
  if (row?.valid) return 'valid';
  if (row) await sql.change(`drop index concurrently ${qualified(entry.schema, entry.name)}`, [], concurrently);
  return 'none';
}
