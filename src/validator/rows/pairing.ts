/** One row as it is listed: its key (empty for a bag), the hash of all of it, and what else identifies this version of it. */
export interface Listed {
  readonly key: readonly (string | null)[];
  readonly hash: string;
}

/** Rows of one key (or, in a bag, of one hash) that the other side has not. `changed` are pairs of the same key. */
export interface Candidate {
  readonly key: readonly (string | null)[];
  readonly source: readonly string[];
  readonly destination: readonly string[];
}

export function keyText(key: readonly (string | null)[]): string {
  return JSON.stringify(key);
}

/**
 * What two lists of rows differ in, key by key. Keys may repeat (a bag, or a destination whose unique index is missing):
 * equal hashes of a key cancel one for one.
 */
export function candidates(source: readonly Listed[], destination: readonly Listed[]): Candidate[] {
  const groups = new Map<string, { key: readonly (string | null)[]; counts: Map<string, number> }>();
  const count = (rows: readonly Listed[], step: number) => {
    for (const row of rows) {
      const text = keyText(row.key);
      const group = groups.get(text) ?? { key: row.key, counts: new Map<string, number>() };
      groups.set(text, group);
      const next = (group.counts.get(row.hash) ?? 0) + step;
      if (next === 0) group.counts.delete(row.hash);
      else group.counts.set(row.hash, next);
      if (group.counts.size === 0) groups.delete(text);
    }
  };
  count(source, 1);
  count(destination, -1);
  return [...groups.values()].map(({ key, counts }) => ({
    key,
    source: [...counts].flatMap(([hash, n]) => Array.from({ length: Math.max(n, 0) }, () => hash)),
    destination: [...counts].flatMap(([hash, n]) => Array.from({ length: Math.max(-n, 0) }, () => hash)),
  }));
}

export interface Counts {
  readonly missing: number;
  readonly extra: number;
  readonly changed: number;
}

/** How many rows are missing on the destination, extra there, or changed. A bag has no changed rows. */
export function counted(rows: readonly Candidate[], bag: boolean): Counts {
  let [missing, extra, changed] = [0, 0, 0];
  for (const { source, destination } of rows) {
    const pairs = bag ? 0 : Math.min(source.length, destination.length);
    changed += pairs;
    missing += source.length - pairs;
    extra += destination.length - pairs;
  }
  return { missing, extra, changed };
}
