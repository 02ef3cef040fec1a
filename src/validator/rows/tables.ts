import { qualified } from '../../postgres/identifiers.ts';
import { notOfExtension, shownName, userSchema } from '../names.ts';
import type { Session } from '../session.ts';
import type { NotCompared } from '../types.ts';
import { type Column, type SharedColumn, sharedColumns } from './form.ts';
import { madeTypes } from './made-types.ts';

interface Found extends Record<string, unknown> {
  readonly schema: string;
  readonly name: string;
  /** Why it cannot be read. */
  readonly hindrance: string | null;
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

/** Every table with rows of its own in one database, also those that this session may not read. */
export async function tablesOf(session: Session, filter: TableFilter): Promise<readonly Found[]> {
  const found = (await session.query<Found>(query)).filter((table) => chosen(filter, table.schema, table.name));
  const described = await madeTypes(session);
  return found.map((table) => ({ ...table, columns: table.columns.map(described) }));
}

const notItsOwn = {
  f: 'A foreign table: its rows lie on another server.',
  m: 'A materialized view: its rows are made anew by REFRESH.',
  r: 'A table of an extension: its rows are what the extension put there.',
} as const;

/** What has rows that are not its own or that are made anew: said, not compared. */
export async function withoutRows(session: Session, filter: TableFilter): Promise<NotCompared[]> {
  const rows = await session.query<{ schema: string; name: string; kind: keyof typeof notItsOwn }>(`
    select n.nspname::text as schema, c.relname::text as name, c.relkind::text as kind from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('f', 'm', 'r') and (c.relkind <> 'r') = ${notOfExtension('pg_class', 'c.oid')} and ${userSchema('n.nspname')} order by 1, 2`);
  return rows
    .filter(({ schema, name }) => chosen(filter, schema, name))
    .map(({ schema, name, kind }) => ({
      database: session.database,
      object: shownName(schema, name),
      reason: notItsOwn[kind],
      obstacle: false,
    }));
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
    if (!other || table.hindrance !== null || other.hindrance !== null) return [];
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

/** Columns and keys are gathered for all tables at once: a subquery for each is quadratic where there are thousands. */
const query = `
  -- The sizes of a table wait for its lock: who holds it must hold up this table only, not the list.
  with locked as materialized (
    select distinct relation from pg_locks
    where mode = 'AccessExclusiveLock' and granted and database = (select oid from pg_database where datname = current_database())
  ), mine as (
    select c.oid, n.oid as schema_id, n.nspname, c.relname, c.reltuples, c.relpages, current_setting('block_size')::bigint as block_size,
      l.relation is not null as locked
    from pg_class c join pg_namespace n on n.oid = c.relnamespace left join locked l on l.relation = c.oid
    where c.relkind = 'r' and c.relpersistence <> 't' and ${userSchema('n.nspname')} and ${notOfExtension('pg_class', 'c.oid')}
  ), columns as (
    select a.attrelid, json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'typeId', a.atttypid::bigint) order by a.attname) as columns
    from pg_attribute a join mine on mine.oid = a.attrelid
    where a.attnum > 0 and not a.attisdropped group by a.attrelid
  ), keys as (
    select i.indrelid, i.indisprimary as is_primary, x.relname as name, json_agg(a.attname order by k.place) as columns, bool_and(a.attnotnull) as complete
    from pg_index i
    join mine on mine.oid = i.indrelid
    join pg_class x on x.oid = i.indexrelid
    cross join lateral unnest(i.indkey::int2[]) with ordinality k (number, place)
    join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
    where i.indisunique and i.indisvalid and i.indimmediate and i.indpred is null and i.indexprs is null and k.place <= i.indnkeyatts
    group by i.indrelid, i.indexrelid, i.indisprimary, x.relname
  ), keysets as (
    select indrelid, json_agg(columns order by is_primary desc, json_array_length(columns), name) as keys from keys where complete group by indrelid
  )
  select m.nspname::text as schema, m.relname::text as name,
    case when not has_schema_privilege(m.schema_id, 'USAGE') then format('%s has no USAGE on schema %s', current_user, m.nspname)
      when not has_table_privilege(m.oid, 'SELECT') then format('%s may not read it (no SELECT)', current_user)
      -- row_security is off in this session, so that reading would be an error and never a part of the rows
      when row_security_active(m.oid) then format('row security hides rows from %s (it needs BYPASSRLS or the owner''s rights)', current_user) end as hindrance,
    m.reltuples::bigint::text as rows,
    (case when m.locked then m.relpages else pg_relation_size(m.oid) / m.block_size end)::text as blocks,
    (case when m.locked then m.relpages * m.block_size else pg_table_size(m.oid) end)::text as bytes,
    coalesce(c.columns, '[]') as columns, coalesce(k.keys, '[]') as keys
  from mine m left join columns c on c.attrelid = m.oid left join keysets k on k.indrelid = m.oid
  order by 1, 2`;
