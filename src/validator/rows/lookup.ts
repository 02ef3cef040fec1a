import { identifier } from '../../postgres/identifiers.ts';
import type { Session } from '../session.ts';
import { type HashForm, rowHash } from './form.ts';
import type { Table } from './tables.ts';

type Key = readonly (string | null)[];

/**
 * The rows of these keys: `output` (SQL over `t`, all text) for each. The parameter is cast to the column's type, never the
 * column, so that the index serves. In a bag the key is the row's hash, the table is scanned, and of equal rows one is given.
 */
export async function lookUp(
  session: Session,
  table: Table,
  keys: readonly Key[],
  form: HashForm,
  output: readonly string[],
): Promise<(string | null)[][]> {
  if (keys.length === 0) return [];
  if (table.key.length === 0) {
    const hash = rowHash(table.columns, form);
    return session.texts(
      `select distinct on (${hash}) ${output.join(', ')} from only ${table.sql} t where ${hash} = any($1::bigint[]) order by ${hash}`,
      [keys.map(([text]) => text)],
    );
  }
  const wanted = table.key.map((_, i) => `k${i}`).join(', ');
  const arrays = table.key.map((_, i) => `$${i + 1}::text[]`).join(', ');
  const same = table.key.map((column, i) => `t.${identifier(column.name)} = k.k${i}::${column.type}`).join(' and ');
  const rows: (string | null)[][] = [];
  for (let i = 0; i < keys.length; i += 5_000) {
    const part = keys.slice(i, i + 5_000);
    const values = table.key.map((_, place) => part.map((key) => key[place] ?? null));
    for (const row of await session.texts(
      `select ${output.join(', ')} from unnest(${arrays}) k (${wanted}) join only ${table.sql} t on ${same}`,
      values,
    ))
      rows.push(row);
  }
  return rows;
}
