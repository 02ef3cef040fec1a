import { isDeepStrictEqual } from 'node:util';
import type { Pair } from '../pairs.ts';
import type { Table } from '../rows/tables.ts';
import { bucketOf, type Coverage, changedTables, coverageSince, type Prints } from './covered.ts';

/**
 * Which tables a proof is about, and which of them are not what they were when their rows were last seen equal: no feed tells that a
 * table was truncated, rewritten or made anew.
 */
export class WatchedTables {
  private coverage: Coverage;
  private kept: Prints;
  /** Tables that are what they were when their rows were last seen equal. Whoever takes the proof over knows buckets only, and what was added to them. */
  private readonly seenEqual: Set<string>;
  private looks = 0;
  /** In which look a table was another than before. */
  private readonly changedIn = new Map<string, number>();
  private others: readonly string[] = [];
  private readonly buckets = new Map<string, string>();

  /** `prints`: of when the rows were last seen equal. */
  constructor(coverage: Coverage, prints: Prints) {
    this.coverage = coverage;
    this.kept = prints;
    const changed = new Set(changedTables(coverage.each, prints));
    this.seenEqual = new Set([...coverage.covered.keys()].filter((shown) => !changed.has(shown)));
    this.judge();
  }

  /** The table, if a feed tells which of its rows change. */
  covered(shown: string): Table | undefined {
    return this.coverage.covered.get(shown);
  }
  get uncovered(): readonly string[] {
    return this.coverage.uncovered;
  }
  /** Covered tables that have to be compared as a whole. */
  get changed(): readonly string[] {
    return this.others;
  }
  /** What the next proof may begin with. */
  get prints(): Prints {
    return this.kept;
  }

  /** Whoever looks takes changes of new tables from here on: what is compared afterwards is proved. */
  async look(pair: Pair): Promise<void> {
    const now = await coverageSince(pair, this.coverage.prints);
    if (now) this.adopt(now);
    this.judge();
  }

  /** Also a table that is soon again what it was: while it was another, its changes may have been told in vain. */
  private adopt(now: Coverage): void {
    const before = this.coverage;
    this.coverage = now;
    this.looks++;
    for (const shown of new Set([...before.each.keys(), ...now.each.keys()])) {
      if (isDeepStrictEqual(before.each.get(shown), now.each.get(shown)) && before.covered.has(shown) === now.covered.has(shown)) continue;
      this.seenEqual.delete(shown);
      this.changedIn.set(shown, this.looks);
    }
  }

  /** What a comparison that begins now sees the tables as. */
  get asOf(): number {
    return this.looks;
  }

  /** Its rows were seen equal by a comparison that began at `asOf`; if it was changed since, that is not proved by it. */
  proved(shown: string, asOf: number): void {
    if (!this.coverage.covered.has(shown) || (this.changedIn.get(shown) ?? 0) > asOf) return;
    this.seenEqual.add(shown);
    this.judge();
  }

  /** The tables of a bucket stand for each other: its print is taken over when all of them were seen equal. */
  private judge(): void {
    const { covered, prints } = this.coverage;
    this.others = [...covered.keys()].filter((shown) => !this.seenEqual.has(shown));
    const open = new Set(this.others.map((shown) => this.bucket(shown)));
    const before = Object.entries(this.kept).filter(([bucket]) => open.has(bucket));
    this.kept = Object.fromEntries([...before, ...Object.entries(prints).filter(([bucket]) => !open.has(bucket))]);
  }

  private bucket(shown: string): string {
    const known = this.buckets.get(shown) ?? bucketOf(shown);
    this.buckets.set(shown, known);
    return known;
  }
}
