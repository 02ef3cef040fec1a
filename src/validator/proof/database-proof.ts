import { setTimeout as pause } from 'node:timers/promises';
import type { Side } from '../../postgres/types.ts';
import { shownName } from '../names.ts';
import type { Factories, Pair } from '../pairs.ts';
import { passBarrier } from '../rows/barrier.ts';
import { keyText } from '../rows/pairing.ts';
import { commonForm } from '../rows/self-test.ts';
import { settle } from '../rows/settle.ts';
import { openSession } from '../session.ts';
import type { Flow } from '../types.ts';
import type { Change } from './change.ts';
import { coverageOf, type Prints } from './covered.ts';
import { type FeedConnections, type Feeds, openFeeds } from './feeds.ts';
import { lsnOf } from './lsn.ts';
import { OpenSet } from './open-set.ts';
import { unequalKeys } from './recheck.ts';
import { WatchedTables } from './watched-tables.ts';
import { WholeTables } from './whole-tables.ts';

export interface ProofRequest {
  readonly factories: Factories;
  readonly feeds: FeedConnections;
  readonly database: string;
  readonly flow: Flow;
  /** Slot of the feed, of the same name on both servers, and of the feed of local changes where changes go to. */
  readonly slots: { readonly feed: string; readonly local: string };
  /** What the tables were when their rows were last seen equal. */
  readonly prints: Prints;
  /** The share of its time, in percent, in which rows are read again. */
  readonly throttle: number;
}
/** What the proof of a database stands at: every row is equal but the open ones. */
export interface ProofState {
  readonly openKeys: number;
  /** Rows looked at again so far. */
  readonly rechecked: number;
  /** Tables that are compared as a whole again. */
  readonly whole: readonly string[];
  /** Tables that no feed covers: they are compared in the write stop. */
  readonly uncovered: readonly string[];
  /** Tables with rows that stay unequal although the source stands still. */
  readonly differing: readonly string[];
  /** Tables to which somebody else than the replication wrote, on the side where changes go to. */
  readonly writtenTo: readonly string[];
  readonly prints: Prints;
}
export interface Settled {
  /** Rows that were looked at again. */
  readonly keys: number;
  /** Tables that were compared as a whole, and are equal. */
  readonly tables: number;
  /** Tables with unequal rows. */
  readonly unequal: readonly string[];
  /** Tables of which only a comparison of their own says whether they are equal. */
  readonly whole: readonly string[];
}
type Row = Extract<Change, { readonly kind: 'row' }>;

const keysAtOnce = 5_000;
const suspiciousAfterMs = 10_000;
const tablesEveryMs = 5_000;
const statementMs = 60_000;

/**
 * Keeps every row of one database proved equal while changes flow: what was equal stays so until a feed names it, and what a feed
 * names is read again on both sides. Why that is a proof: ARCHITECTURE.md, "The proof".
 */
export class DatabaseProof {
  private readonly open = new OpenSet();
  private readonly request: ProofRequest;
  private readonly closing: AbortController;
  private readonly pair: Pair;
  private readonly tables: WatchedTables;
  private readonly whole: WholeTables;
  private readonly form: ReturnType<typeof commonForm>;
  private feeds: Feeds | undefined;
  private rechecked = 0;
  private looksAtTables = 0;
  private readonly differing = new Set<string>();
  private readonly writtenTo = new Set<string>();
  private wait = new AbortController();
  private tail: Promise<unknown> = Promise.resolve();

  private constructor(request: ProofRequest, pair: Pair, tables: WatchedTables, closing: AbortController) {
    this.request = request;
    this.pair = pair;
    this.tables = tables;
    this.closing = closing;
    const { open, differing } = this;
    this.whole = new WholeTables({ request, open, tables, differing, signal: closing.signal });
    this.form = commonForm(pair);
    this.form.catch(() => undefined);
  }

  /** Errors: a slot that is gone or read by somebody else, as the server says it; those of postgres/errors.ts. */
  static async open(request: ProofRequest): Promise<DatabaseProof> {
    const closing = new AbortController();
    const session = (side: Side) => openSession(request.factories[side], side, request.database, closing.signal);
    const [source, destination] = await Promise.all([session('source'), session('destination')]);
    try {
      await Promise.all([source.limit(statementMs), destination.limit(statementMs)]);
      const pair = { source, destination };
      const tables = new WatchedTables(await coverageOf(pair), request.prints);
      const proof = new DatabaseProof(request, pair, tables, closing);
      await proof.form;
      proof.feeds = await openFeeds(request, {
        named: (side, change, before) => proof.name(side, change, before),
        writtenTo: ({ schema, name }) => {
          const shown = shownName(schema, name);
          if (tables.covered(shown)) proof.writtenTo.add(shown);
        },
      });
      return proof;
    } catch (error) {
      await Promise.all([source.end(), destination.end()]);
      throw error;
    }
  }

  private name(side: Side, { schema, name, rows }: Row, before: bigint): void {
    const shown = shownName(schema, name);
    const table = this.tables.covered(shown);
    if (!table) return;
    if (rows.length === 0) this.open.name(shown, undefined, side, before);
    for (const row of rows) {
      // A value that is stored apart and was not changed stands in the row before.
      const key = table.key.flatMap((column) => row.get(column.name) ?? rows[0]?.get(column.name) ?? []);
      this.open.name(shown, key.length === table.key.length ? key : undefined, side, before);
    }
  }

  get state(): ProofState {
    return {
      openKeys: this.open.size,
      rechecked: this.rechecked,
      whole: this.whole.left,
      uncovered: this.tables.uncovered,
      differing: [...this.differing].sort(),
      writtenTo: [...this.writtenTo].sort(),
      prints: this.tables.prints,
    };
  }

  /**
   * Reads what is open once and confirms what is proved; `settle` breaks it off. `writing`: false in the write stop, where nothing begins that
   * `settle` does in less. Errors: the feed's end, those of the sessions.
   */
  round(writing = true): Promise<void> {
    if (!writing) this.whole.rest();
    return this.exclusively((signal) =>
      this.readOpen(writing, signal).catch((error: unknown) => {
        if (!signal.aborted || this.closing.signal.aborted) throw error;
      }),
    );
  }

  private async readOpen(writing: boolean, signal: AbortSignal): Promise<void> {
    const began = Date.now();
    this.feeds?.refuseEnded();
    for (const shown of this.open.openTables.byKey) {
      if (signal.aborted) return;
      if (this.tables.covered(shown)) await this.recheck(shown, keysAtOnce);
      else this.open.forget(shown);
    }
    await this.judge(signal);
    await this.lookAtTables();
    if (writing) void this.whole.compare();
    this.feeds?.confirm(this.open);
    const { throttle } = this.request;
    const restMs = ((Date.now() - began) * (100 - throttle)) / throttle;
    await pause(restMs, undefined, { signal });
  }

  /** Is every row that was read equal? */
  private async recheck(shown: string, most: number): Promise<boolean> {
    const table = this.tables.covered(shown);
    const found = this.open.keysOf(shown, most);
    if (!table || found.length === 0) return true;
    const keys = found.map(([{ key }]) => key);
    const unequal = await unequalKeys(this.pair, table, keys, await this.form);
    this.rechecked += found.length;
    for (const [open, named] of found)
      if (unequal.has(keyText(open.key))) this.open.postpone(shown, open);
      else this.open.close(shown, open, named);
    return unequal.size === 0;
  }

  /** What stays unequal without being named again: replication that is late, or a difference that it will never mend. */
  private async judge(signal: AbortSignal): Promise<void> {
    const still = new Set(this.whole.left);
    for (const shown of this.open.openTables.byKey) {
      const table = this.tables.covered(shown);
      const open = this.open.keysOf(shown, keysAtOnce).filter(([{ at }]) => Date.now() - at > suspiciousAfterMs);
      if (!table || open.length === 0) continue;
      const found = open.map(([{ key }]) => ({ key, source: 1, destination: 1 }));
      const { flow } = this.request;
      const { real } = await settle(this.pair, table, found, await this.form, () => passBarrier({ flow, signal }, this.pair), flow.from);
      if (real.length > 0) still.add(shown);
      if (real.length > 0) this.differing.add(shown);
    }
    for (const shown of this.differing) if (!still.has(shown)) this.differing.delete(shown);
  }

  private async lookAtTables(): Promise<void> {
    const began = Date.now();
    if (began < this.looksAtTables) return;
    await this.tables.look(this.pair);
    // Where there are thousands, looking takes its time.
    this.looksAtTables = Date.now() + Math.max(tablesEveryMs, 20 * (Date.now() - began));
  }

  /**
   * With nobody writing any more: reads the feeds to their ends and everything that is open once more. The WAL of both servers must
   * be flushed (a commit does that). Errors: the feed's end, those of the sessions, the signal's reason.
   */
  settle(signal: AbortSignal): Promise<Settled> {
    this.wait.abort();
    return this.exclusively(async () => {
      const { feeds } = this;
      if (!feeds) throw new Error('the change feeds are not open');
      const end = async (side: Side) => {
        const [row] = await this.pair[side].texts('select pg_current_wal_flush_lsn()::text');
        await feeds.reached(side, lsnOf(row?.[0] ?? '0/0'), signal);
      };
      // Tables first: what is new from here on is covered by the feeds' ends.
      await this.tables.look(this.pair);
      await Promise.all([end('source'), end('destination')]);
      const before = this.rechecked;
      const unequal = new Set<string>();
      for (const shown of this.open.openTables.byKey) {
        if (!this.tables.covered(shown)) this.open.forget(shown);
        for (let left = this.open.keysOf(shown, Number.POSITIVE_INFINITY).length; left > 0; left -= keysAtOnce)
          if (!(await this.recheck(shown, keysAtOnce))) break;
      }
      for (const shown of this.open.openTables.byKey) unequal.add(shown);
      const tables = await this.whole.compareSmall(this.pair, await this.form);
      feeds.confirm(this.open);
      const whole = new Set([...this.whole.left, ...this.tables.uncovered]);
      return { keys: this.rechecked - before, tables, unequal: [...unequal].sort(), whole: [...whole].sort() };
    });
  }

  /** One after the other; `settle` ends the waits of a round. */
  private exclusively<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const result = this.tail.then(() => {
      this.wait = new AbortController();
      return work(AbortSignal.any([this.wait.signal, this.closing.signal]));
    });
    this.tail = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('the proof is closed'));
    await Promise.all([this.feeds?.close(), this.pair.source.end(), this.pair.destination.end()]);
    await this.whole.ended();
  }
}
