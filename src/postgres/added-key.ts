import { qualified } from './identifiers.ts';
import type { Sql } from './types.ts';

/** The ledger's entry of a primary key that the run added: the column, and what the service file says of it later. */
export interface AddedKey {
  readonly database: string;
  readonly schema: string;
  readonly table: string;
  /** As the service file writes it, quoted where it must be. */
  readonly column: string;
  readonly owner: string;
  readonly onUndo: 'restore' | 'keep';
  readonly onDestination: 'restore' | 'keep';
}

export function dropAddedKeySql(key: AddedKey): string {
  return `alter table if exists ${qualified(key.schema, key.table)} drop column if exists ${key.column}`;
}

/**
 * Is the column there, and may it go? While a publication covers the table it may not: without a key every update of
 * the table would fail on the publisher.
 */
export async function addedKeyState(sql: Sql, key: AddedKey): Promise<'gone' | 'published' | 'present'> {
  const [row] = await sql.look<{ published: boolean }>(
    `select exists (select from pg_publication_tables p where p.schemaname = $1 and p.tablename = $2) as published
       from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2 and not a.attisdropped and (quote_ident(a.attname) = $3 or a.attname = lower($3))`,
    [key.schema, key.table, key.column],
  );
  if (!row) return 'gone';
  return row.published ? 'published' : 'present';
}
