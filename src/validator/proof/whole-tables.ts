import { both, type Pair, withPairs } from '../pairs.ts';
import { compareRows } from '../rows/compare-rows.ts';
import type { HashForm } from '../rows/form.ts';
import { equal, sumsOf } from '../rows/sums.ts';
import type { Table } from '../rows/tables.ts';
import type { ProofRequest } from './database-proof.ts';
import type { OpenSet } from './open-set.ts';
import type { WatchedTables } from './watched-tables.ts';

interface Parts {
  readonly request: ProofRequest;
  readonly open: OpenSet;
  readonly tables: WatchedTables;
  /** Tables whose rows stay unequal. */
  readonly differing: Set<string>;
  readonly signal: AbortSignal;
}

/** Read on one connection in less time than others take to be opened. */
const smallBytes = 8_000_000;

/** The tables of a proof that have to be compared as a whole again, because no feed tells what became of their rows. */
export class WholeTables {
  private readonly parts: Parts;
  private running: Promise<void> | undefined;
  private resting = false;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** Shown names. */
  get left(): readonly string[] {
    const { open, tables } = this.parts;
    return [...new Set([...open.openTables.whole, ...tables.changed])].sort();
  }

  /** One after the other, on sessions of their own: the rounds go on meanwhile. What fails is left, and tried again by the next call. */
  compare(): Promise<void> {
    this.resting = false;
    if (this.left.length === 0) return Promise.resolve();
    this.running ??= this.compareEach()
      .catch(() => undefined)
      .finally(() => {
        this.running = undefined;
      });
    return this.running;
  }

  /** Begins with no table more: in the write stop that would be in the way of what everybody waits for. */
  rest(): void {
    this.resting = true;
  }

  private async compareEach(): Promise<void> {
    const { request, open, tables, signal } = this.parts;
    for (const shown of this.left) if (!tables.covered(shown)) open.forget(shown);
    if (this.left.length === 0) return;
    await withPairs(request.factories, request.database, 1, signal, async (pairs) => {
      for (const shown of this.left) {
        if (this.resting) return;
        if (tables.covered(shown)) await this.compareOne(shown, pairs);
      }
    });
  }

  private async compareOne(shown: string, pairs: readonly Pair[]): Promise<void> {
    const { open, tables, differing, request, signal } = this.parts;
    const whole = open.wholeOf(shown);
    const { asOf } = tables;
    const { database, throttle, flow } = request;
    const one = {
      databases: [database],
      live: true,
      sequences: false,
      expected: [],
      connections: 1,
      throttle,
      tables: [shown],
      flow,
      signal,
    };
    const { tables: found } = await compareRows(one, database, pairs, () => undefined);
    if (found.length === 1 && found.every(({ equal }) => equal)) {
      if (whole) open.close(shown, ...whole);
      tables.proved(shown, asOf);
    } else differing.add(shown);
  }

  /**
   * With nobody writing any more: the small ones, until they come to 8 MB, are compared at once on the sessions that are open; gives how
   * many. What is larger, differs or cannot be read is left.
   */
  async compareSmall(pair: Pair, form: HashForm): Promise<number> {
    const { open, tables } = this.parts;
    const known = this.left.flatMap((shown) => tables.covered(shown) ?? []);
    let compared = 0;
    let bytes = 0;
    for (const { table, size } of await bySize(pair, known)) {
      bytes += size;
      if (bytes > smallBytes) break;
      const whole = open.wholeOf(table.shown);
      const sums = await sumsOf(pair, table, { by: 'all' }, form).catch(() => undefined);
      if (!sums || !equal(sums)) continue;
      if (whole) open.close(table.shown, ...whole);
      tables.proved(table.shown, tables.asOf);
      compared++;
    }
    return compared;
  }

  /** What was begun is over. */
  async ended(): Promise<void> {
    await this.running;
  }
}

/** Smallest first, the larger side counts. */
async function bySize(pair: Pair, tables: readonly Table[]): Promise<readonly { readonly table: Table; readonly size: number }[]> {
  if (tables.length === 0) return [];
  const sizes = await both(pair, (session) =>
    session.texts(
      `select t.place::text, pg_table_size(c.oid)::text from unnest($1::text[], $2::text[]) with ordinality t (schema, name, place)
       join pg_namespace n on n.nspname = t.schema join pg_class c on c.relnamespace = n.oid and c.relname = t.name`,
      [tables.map(({ schema }) => schema), tables.map(({ name }) => name)],
    ),
  );
  const of = (place: number) =>
    [...sizes.source, ...sizes.destination].flatMap(([at, bytes]) => (Number(at) === place + 1 ? [Number(bytes)] : []));
  return tables.map((table, i) => ({ table, size: Math.max(0, ...of(i)) })).sort((a, b) => a.size - b.size);
}
