import type { Pair } from '../pairs.ts';
import type { Table } from '../rows/tables.ts';
import { type Coverage, changedTables, coverageOf, type Prints, printsNow } from './covered.ts';

/**
 * Which tables a proof is about, and which of them are not what they were when their rows were last seen equal: no feed tells that a
 * table was truncated, rewritten or made anew.
 */
export class WatchedTables {
  private coverage: Coverage;
  private kept: Prints;
  private others: ReadonlySet<string>;

  /** `prints`: of when the rows were last seen equal. */
  constructor(coverage: Coverage, prints: Prints) {
    this.coverage = coverage;
    this.kept = prints;
    this.others = this.differingFrom(prints);
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
    return [...this.others];
  }
  /** What the next proof may begin with. */
  get prints(): Prints {
    return this.kept;
  }

  /** Whoever looks takes changes of new tables from here on: what is compared afterwards is proved. */
  async look(pair: Pair): Promise<void> {
    if (!same(await printsNow(pair), this.coverage.prints)) this.coverage = await coverageOf(pair);
    this.others = this.differingFrom(this.kept);
    this.adopt();
  }

  /** What a comparison that begins now sees the tables as. */
  get asOf(): unknown {
    return this.coverage;
  }

  /** Its rows were seen equal by a comparison that began at `asOf`; what was changed since is not proved by it. */
  proved(shown: string, asOf: unknown): void {
    if (asOf !== this.coverage) return;
    this.others = new Set(this.changed.filter((one) => one !== shown));
    this.adopt();
  }

  /** The tables of a bucket stand for each other, so that prints are taken over together. */
  private adopt(): void {
    if (this.others.size === 0) this.kept = this.coverage.prints;
  }

  private differingFrom(prints: Prints): ReadonlySet<string> {
    return new Set(changedTables(this.coverage.covered.keys(), prints, this.coverage.prints));
  }
}

function same(left: Prints, right: Prints): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}
