import type { Client } from 'pg';

/** A row as its server's output functions print it. */
export type Printed = readonly (string | null)[];

/** What two small tables differ in, found without a hash: every row is read as text and laid side by side. */
export interface Truth {
  readonly missing: number;
  readonly extra: number;
  readonly changed: number;
  /** `kind key columns`, sorted; for a bag the whole row is the key. */
  readonly rows: readonly string[];
}

export const plainText = { getTypeParser: () => (text: string) => text } as const;
export const settings = `set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set intervalstyle = 'iso_8601'; set extra_float_digits = 1; set bytea_output = 'hex'; set lc_monetary = 'C'`;

/**
 * All rows of a table, columns by name; `keys` of the first ones, as text, come before. A bag is all key: the whole row as
 * text, which would lose the blanks of char(n).
 */
export async function printed(
  client: Client,
  table: string,
  columns: readonly { readonly sql: string }[],
  keys: number,
): Promise<Printed[]> {
  const names = columns.map((_, i) => `c${i}`);
  const asText = columns.map(({ sql }, i) => (/^char\(|"bpchar"$/.test(sql) && keys === 0 ? `c${i}` : `c${i}::text`));
  const output = (keys === 0 ? asText : [...asText.slice(0, keys), ...names]).join(', ');
  return (await client.query({ text: `select ${output} from ${table}`, rowMode: 'array', types: plainText })).rows;
}

export function truth(source: readonly Printed[], destination: readonly Printed[], keys: number): Truth {
  const groups = new Map<string, { source: Printed[]; destination: Printed[] }>();
  const add = (side: 'source' | 'destination', rows: readonly Printed[]) => {
    for (const row of rows) {
      const key = JSON.stringify(keys > 0 ? row.slice(0, keys) : row);
      const group = groups.get(key) ?? { source: [], destination: [] };
      groups.set(key, group);
      group[side].push(row.slice(keys));
    }
  };
  add('source', source);
  add('destination', destination);
  const rows: string[] = [];
  const totals = { missing: 0, extra: 0, changed: 0 };
  const found = (kind: keyof typeof totals, key: string, columns: readonly string[] = []) => {
    totals[kind]++;
    rows.push(`${kind} ${key} ${columns.join()}`);
  };
  for (const [key, group] of groups) {
    if (keys > 0) {
      const [a, b] = [group.source[0], group.destination[0]];
      if (a && b) {
        const columns = a.flatMap((value, i) => (value === b[i] ? [] : [`c${i}`]));
        if (columns.length > 0) found('changed', key, columns);
      } else found(a ? 'missing' : 'extra', key);
    } else {
      for (let n = group.destination.length; n < group.source.length; n++) found('missing', key);
      for (let n = group.source.length; n < group.destination.length; n++) found('extra', key);
    }
  }
  return { ...totals, rows: rows.sort() };
}
