import { NeedsHuman } from '../../errors.ts';
import { qualified } from '../../postgres/identifiers.ts';
import { notOfExtension, shownName, userSchema } from '../names.ts';
import type { Session } from '../session.ts';
import { type Column, type SharedColumn, sharedColumns } from './form.ts';

interface Found extends Record<string, unknown> {
  readonly schema: string;
  readonly name: string;
  readonly readable: boolean;
  readonly rows: string;
  readonly blocks: string;
  readonly bytes: string;
  readonly columns: readonly Column[];
  /** Unique keys without nulls, the primary key first. */
  readonly keys: readonly (readonly string[])[];
}

/** One table that holds rows on both sides: a plain table or a leaf of a partition tree. */
export interface Table {
  readonly schema: string;
  readonly name: string;
  /** For people. */
  readonly shown: string;
  /** For SQL. */
  readonly sql: string;
  readonly columns: readonly SharedColumn[];
  /** Empty: a bag of rows. */
  readonly key: readonly SharedColumn[];
  /** Of the source, estimated; -1: never analyzed. */
  readonly rows: number;
  readonly bytes: number;
  /** Heap pages of each side. */
  readonly blocks: { readonly source: number; readonly destination: number };
}

export interface TableFilter {
  readonly schemas?: readonly string[] | undefined;
  readonly tables?: readonly string[] | undefined;
}

/** Every table with rows of its own in one database. Errors: NeedsHuman `validator.unreadable` where a right is missing. */
export async function tablesOf(session: Session, filter: TableFilter): Promise<readonly Found[]> {
  const found = (await session.query<Found>(query)).filter((table) => chosen(filter, table.schema, table.name));
  refuseUnreadable(session, 'tables', found);
  return found;
}

/** A missing right must not make a table or sequence vanish from the comparison. Errors: NeedsHuman `validator.unreadable`. */
export function refuseUnreadable(
  session: Pick<Session, 'side' | 'database'>,
  what: 'tables' | 'sequences',
  all: readonly { readonly schema: string; readonly name: string; readonly readable: boolean }[],
): void {
  const hidden = all.filter((each) => !each.readable).map((each) => shownName(each.schema, each.name));
  if (hidden.length === 0) return;
  throw new NeedsHuman(
    'validator.unreadable',
    `${hidden.length} of ${all.length} ${what} in database ${session.database} of the ${session.side} cannot be read: ${hidden.slice(0, 5).join(', ')}${hidden.length > 5 ? ', …' : ''}.`,
    { remedy: 'Grant SELECT on them (and USAGE on their schemas) to the user that compares, then retry.' },
  );
}

/** Does the filter take the object? `tables` names are as shown. */
export function chosen(filter: TableFilter, schema: string, name: string): boolean {
  if (filter.schemas && !filter.schemas.includes(schema)) return false;
  return !filter.tables || filter.tables.includes(shownName(schema, name));
}

/** Tables that both sides have. A table that one side lacks is an object that differs, not a table with other rows. */
export function commonTables(source: readonly Found[], destination: readonly Found[]): Table[] {
  const others = new Map(destination.map((table) => [shownName(table.schema, table.name), table]));
  return source.flatMap((table) => {
    const other = others.get(shownName(table.schema, table.name));
    if (!other) return [];
    const columns = sharedColumns(table.columns, other.columns);
    const byName = new Map(columns.map((column) => [column.name, column]));
    const key = table.keys
      .map((names) => names.flatMap((name) => byName.get(name) ?? []))
      .find((key, i) => key.length === table.keys[i]?.length);
    return [
      {
        schema: table.schema,
        name: table.name,
        shown: shownName(table.schema, table.name),
        sql: qualified(table.schema, table.name),
        columns,
        key: key ?? [],
        rows: Number(table.rows),
        bytes: Math.max(Number(table.bytes), Number(other.bytes)),
        blocks: { source: Number(table.blocks), destination: Number(other.blocks) },
      },
    ];
  });
}

const query = `
  select n.nspname::text as schema, c.relname::text as name,
    has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT') as readable,
    c.reltuples::bigint::text as rows,
    (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::text as blocks,
    pg_table_size(c.oid)::text as bytes,
    coalesce((
      select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'typeId', a.atttypid::bigint,
        'nondeterministic', not coalesce(l.collisdeterministic, true)) order by a.attname)
      from pg_attribute a left join pg_collation l on l.oid = a.attcollation
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped), '[]') as columns,
    coalesce((
      select json_agg(key.columns order by key.is_primary desc, json_array_length(key.columns), key.name)
      from (
        select i.indisprimary as is_primary, x.relname as name,
          json_agg(a.attname order by k.place) as columns, bool_and(a.attnotnull) as complete
        from pg_index i
        join pg_class x on x.oid = i.indexrelid
        cross join lateral unnest(i.indkey::int2[]) with ordinality k (number, place)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
        where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null
          and k.place <= i.indnkeyatts
        group by i.indexrelid, i.indisprimary, x.relname
      ) key where key.complete), '[]') as keys
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind = 'r' and c.relpersistence <> 't' and ${userSchema('n.nspname')} and ${notOfExtension('pg_class', 'c.oid')}
  order by 1, 2`;
