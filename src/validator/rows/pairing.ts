/**
 * A row as a server lists it: the key as a JSON array of texts (in a bag the row's hash), the hash of the whole row, and how many rows are
 * like this (absent: one). As the driver gives it, because there are tens of thousands at once.
 */
export type Listed = readonly (string | null)[];

/** How many rows of one key (or, in a bag, of one hash) each side has that the other has not. Pairs of the same key are changed rows. */
export interface Candidate {
  readonly key: readonly (string | null)[];
  readonly source: number;
  readonly destination: number;
}

export function keyText(key: readonly (string | null)[]): string {
  return JSON.stringify(key);
}

/**
 * What two lists of rows differ in, key by key. Keys may repeat (a bag, or a destination whose unique index is missing):
 * equal hashes of a key cancel one for one.
 */
export function candidates(source: readonly Listed[], destination: readonly Listed[]): Candidate[] {
  const left = new Map<string, number>();
  const count = (rows: readonly Listed[], sign: 1 | -1) => {
    for (const [key, hash, times] of rows) {
      // JSON has no bare line end.
      const row = `${key}\n${hash}`;
      const now = (left.get(row) ?? 0) + sign * Number(times ?? 1);
      if (now === 0) left.delete(row);
      else left.set(row, now);
    }
  };
  count(source, 1);
  count(destination, -1);
  const groups = new Map<string, { source: number; destination: number }>();
  for (const [row, n] of left) {
    const key = row.slice(0, row.lastIndexOf('\n'));
    const group = groups.get(key) ?? { source: 0, destination: 0 };
    groups.set(key, group);
    group[n > 0 ? 'source' : 'destination'] += Math.abs(n);
  }
  return [...groups].map(([key, group]) => ({ key: JSON.parse(key), ...group }));
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
    const pairs = bag ? 0 : Math.min(source, destination);
    changed += pairs;
    missing += source - pairs;
    extra += destination - pairs;
  }
  return { missing, extra, changed };
}
