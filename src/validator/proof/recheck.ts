import { identifier } from '../../postgres/identifiers.ts';
import { both, type Pair } from '../pairs.ts';
import type { HashForm } from '../rows/form.ts';
import { rowHash } from '../rows/form.ts';
import { lookUp } from '../rows/lookup.ts';
import { keyText } from '../rows/pairing.ts';
import type { Table } from '../rows/tables.ts';

type Key = readonly (string | null)[];

/**
 * Reads the rows of these keys on both sides at once and gives those keys whose rows are not the same now. The key is the one asked
 * for: what the server shows may be written otherwise (1.0 for 1.00).
 */
export async function unequalKeys(pair: Pair, table: Table, keys: readonly Key[], form: HashForm): Promise<ReadonlySet<string>> {
  const output = [
    ...table.key.map((_, i) => `k.k${i}`),
    `${rowHash(table.columns, form)}::text`,
    ...table.key.map(({ name }) => `t.${identifier(name)}::text`),
  ];
  const { source, destination } = await both(pair, async (session) => {
    const rows = new Map<string, string[]>();
    for (const row of await lookUp(session, table, keys, form, output)) {
      const key = keyText(row.slice(0, table.key.length));
      rows.set(key, [...(rows.get(key) ?? []), JSON.stringify(row.slice(table.key.length))].sort());
    }
    return rows;
  });
  return new Set(keys.map(keyText).filter((key) => (source.get(key) ?? []).join('\n') !== (destination.get(key) ?? []).join('\n')));
}
