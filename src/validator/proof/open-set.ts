import type { Side } from '../../postgres/types.ts';
import { keyText } from '../rows/pairing.ts';

type Key = readonly (string | null)[];

/** Something that has to be looked at again: a row of a table, or all of it. */
export interface Open {
  readonly key: Key;
  /** Of each feed that named it: a position before the transaction that did so last. */
  readonly before: { source?: bigint; destination?: bigint };
  /** Grows with each naming: what was read before the last one proves nothing. */
  named: number;
  /** When it was named last (ms since the epoch), and since when it is unequal at every look. */
  at: number;
}
interface OpenTable {
  readonly keys: Map<string, Open>;
  /** All of its rows, for what cannot be told by keys. */
  whole: Open | undefined;
}

const sides = ['source', 'destination'] as const;
/** Beyond that a table is compared as a whole: it costs less, and memory has an end. */
const mostKeys = 50_000;

/**
 * The rows that are not proved equal now: named by a feed since they were last seen equal. Nothing of it is kept anywhere: a
 * feed that begins anew at a confirmed position names again whatever was open, and `confirmable` gives no position behind
 * which something open was named for the last time.
 */
export class OpenSet {
  private readonly tables = new Map<string, OpenTable>();
  private readonly now: () => number;
  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  /** `key` undefined: it cannot be told which row. `before`: the feed's position before the transaction. */
  name(table: string, key: Key | undefined, side: Side, before: bigint): void {
    const open = this.tables.get(table) ?? { keys: new Map<string, Open>(), whole: undefined };
    this.tables.set(table, open);
    if (key === undefined || open.whole) {
      open.whole = this.again(open.whole, [], side, before);
      return;
    }
    const text = keyText(key);
    open.keys.set(text, this.again(open.keys.get(text), key, side, before));
    if (open.keys.size > mostKeys) this.turnWhole(open);
  }

  private again(open: Open | undefined, key: Key, side: Side, before: bigint): Open {
    const now = open ?? { key, before: {}, named: 0, at: 0 };
    now.before[side] = before;
    now.named++;
    now.at = this.now();
    return now;
  }

  /** The earliest of what its keys' last namings hold is held on. */
  private turnWhole(open: OpenTable): void {
    const whole: Open = { key: [], before: {}, named: 1, at: this.now() };
    for (const side of sides) {
      const earliest = smallest([...open.keys.values()].flatMap(({ before }) => before[side] ?? []));
      if (earliest !== undefined) whole.before[side] = earliest;
    }
    open.keys.clear();
    open.whole = whole;
  }

  /** Tables with open rows, and the tables that are open as a whole. */
  get openTables(): { readonly byKey: readonly string[]; readonly whole: readonly string[] } {
    const of = (which: (open: OpenTable) => boolean) => [...this.tables].filter(([, open]) => which(open)).map(([table]) => table);
    return { byKey: of(({ keys }) => keys.size > 0), whole: of(({ whole }) => whole !== undefined) };
  }

  get size(): number {
    let size = 0;
    for (const { keys } of this.tables.values()) size += keys.size;
    return size;
  }

  /** At most `most` open rows of a table, with the number of their naming as of now. */
  keysOf(table: string, most: number): readonly (readonly [open: Open, named: number])[] {
    const found: (readonly [Open, number])[] = [];
    for (const open of this.tables.get(table)?.keys.values() ?? []) {
      if (found.length === most) break;
      found.push([open, open.named]);
    }
    return found;
  }

  wholeOf(table: string): readonly [open: Open, named: number] | undefined {
    const open = this.tables.get(table)?.whole;
    return open && [open, open.named];
  }

  /** Seen equal by a look that began after the naming of that number. */
  close(table: string, open: Open, named: number): void {
    const of = this.tables.get(table);
    if (!of || open.named !== named) return;
    if (of.whole === open) of.whole = undefined;
    else of.keys.delete(keyText(open.key));
    if (of.whole === undefined && of.keys.size === 0) this.tables.delete(table);
  }

  /** It is no table of the proof any more. */
  forget(table: string): void {
    this.tables.delete(table);
  }

  /** Moves what is still open to the end, so that the next look begins with others. */
  postpone(table: string, open: Open): void {
    const keys = this.tables.get(table)?.keys;
    const text = keyText(open.key);
    if (keys?.delete(text)) keys.set(text, open);
  }

  /** How far a feed that has come to `position` may be confirmed: everything open is named again behind it. */
  confirmable(side: Side, position: bigint): bigint {
    let least = position;
    for (const { keys, whole } of this.tables.values())
      for (const { before } of whole ? [whole, ...keys.values()] : keys.values()) {
        const held = before[side];
        if (held !== undefined && held < least) least = held;
      }
    return least;
  }
}

function smallest(values: readonly bigint[]): bigint | undefined {
  return values.reduce<bigint | undefined>((least, value) => (least === undefined || value < least ? value : least), undefined);
}
