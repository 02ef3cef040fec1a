import { catalogueVersion } from '../postgres/catalogue-version.ts';
import { type DdlSeen, ddlSince, transactionNow } from '../postgres/ddl-since.ts';
import { fingerprint } from '../postgres/fingerprint.ts';
import type { Postgres } from '../postgres/types.ts';
import type { ObjectDifference, Validator } from './types.ts';

/** By database: how the source's schema was when it was held, or when a change of it was seen to be on both sides. */
export type KeptSchema = Readonly<
  Record<string, { readonly hash: string; readonly objects: number; readonly version: string; readonly xid: string }>
>;

interface Databases {
  readonly target: { readonly databases: Readonly<Record<string, { readonly schemas: readonly string[] }>> };
  readonly postgres: Postgres;
}
/** DDL on the source: nothing replicates it, and what is written to a new table is missing on the destination without a word. */
export interface Drift {
  readonly database: string;
  readonly seen: readonly DdlSeen[];
}

/** The kinds that matter to whoever compares schemas; owners, grants and settings differ on purpose or do no harm. */
export const definitions: ReadonlySet<string> = new Set([
  ...['schema', 'table', 'column', 'index', 'constraint', 'sequence', 'view', 'view-definition', 'materialized-view', 'foreign-table'],
  ...['function', 'trigger', 'type', 'rule', 'policy', 'row-security', 'statistics', 'extension', 'event-trigger'],
]);

export async function keepSchema({ target, postgres }: Databases): Promise<KeptSchema> {
  const kept: Record<string, KeptSchema[string]> = {};
  for (const [database, { schemas }] of Object.entries(target.databases)) {
    const sql = await postgres.database('source', database);
    // In this order a change in between is seen later, never missed.
    const [xid, version] = [await transactionNow(sql), await catalogueVersion(sql)];
    const { hash, objects } = await fingerprint(sql, schemas);
    kept[database] = { hash, objects, version, xid };
  }
  return kept;
}

/** Databases of the source whose schema is not as it was kept. VACUUM, ANALYZE, TRUNCATE and rows leave it as it is. */
export async function schemaDrift({ target, postgres }: Databases, kept: KeptSchema): Promise<readonly Drift[]> {
  const drifts: Drift[] = [];
  for (const [database, { schemas }] of Object.entries(target.databases)) {
    const known = kept[database];
    if (known === undefined) continue;
    const sql = await postgres.database('source', database);
    if ((await catalogueVersion(sql)) === known.version || (await fingerprint(sql, schemas)).hash === known.hash) continue;
    drifts.push({ database, seen: await ddlSince(sql, schemas, known.xid) });
  }
  return drifts;
}

/** `table public.t (by me-inapp)`, …; what was only dropped has no name any more. */
export function driftWords(drifts: readonly Drift[]): string {
  return drifts
    .map(({ database, seen }) => {
      const objects = seen.slice(0, 10).map(({ object, owner }) => `${object} (role ${owner})`);
      return `database ${database}: ${objects.join(', ') || 'something was dropped'}${seen.length > 10 ? ` and ${seen.length - 10} more` : ''}`;
    })
    .join('; ');
}

export interface Unreconciled {
  /** Tables and partitions that the destination lacks and the bot can carry over: `schema.table`. */
  readonly tables: readonly { readonly database: string; readonly table: string }[];
  /** Everything else that is not the same on both sides, each with what makes it so. */
  readonly others: readonly string[];
}

/** What of the changed databases is not the same on both sides; nothing: the change has been made on both. */
export async function unreconciled(validator: Validator, drifts: readonly Drift[], signal: AbortSignal): Promise<Unreconciled> {
  const tables: Unreconciled['tables'][number][] = [];
  const others: string[] = [];
  for (const { database } of drifts) {
    const { objects } = await validator.compare({
      databases: [database],
      live: true,
      sequences: false,
      expected: [],
      connections: 1,
      parts: 'objects',
      signal,
    });
    const missing = objects
      .filter(({ kind }) => definitions.has(kind))
      .sort((a, b) => Number(b.kind === 'table') - Number(a.kind === 'table'));
    for (const difference of missing)
      if (difference.kind === 'table' && difference.destination === null) tables.push({ database, table: difference.object });
      else if (!comesWith(difference, tables)) others.push(`database ${database}: ${remedyFor(difference)}`);
  }
  return { tables, others };
}

/** The sequence of a table that is carried over comes with it. */
function comesWith({ kind, source, destination }: ObjectDifference, tables: Unreconciled['tables']): boolean {
  return kind === 'sequence' && destination === null && tables.some(({ table }) => source?.includes(`owned by ${table}.`));
}

/** The statement to run on the destination, where the difference tells it. */
function remedyFor({ kind, object, source, destination }: ObjectDifference): string {
  const [parent, name] = [object.slice(0, object.lastIndexOf('.')), object.slice(object.lastIndexOf('.') + 1)];
  const what = `${kind.replaceAll('-', ' ')} ${object}`;
  if (kind === 'column' && destination === null) return `${what} is missing there, run: alter table ${parent} add column ${name} ${source}`;
  if (kind === 'column' && source === null) return `${what} is gone from the source, run: alter table ${parent} drop column ${name}`;
  if (kind === 'index' && destination === null) return `${what} is missing there, run: ${source}`;
  if (kind === 'constraint' && destination === null)
    return `${what} is missing there, run: alter table ${parent} add constraint ${name} ${source}`;
  if (kind === 'constraint' && source === null)
    return `${what} is gone from the source, run: alter table ${parent} drop constraint ${name}`;
  if (source === null) return `${what} is gone from the source, run: drop ${kind.replaceAll('-', ' ')} ${object}`;
  if (destination === null) return `${what} is missing there: make it as on the source`;
  return `${what} is ${clip(source)} on the source and ${clip(destination)} on the destination: alter it there`;
}

function clip(text: string): string {
  return text.length > 120 ? `${text.slice(0, 119)}…` : text;
}
