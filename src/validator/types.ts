/** A comparison of two databases. Hash algorithm and traps: docs in README, "How equality is proved". */
export interface Differing {
  /** The key, as text, by column; or, for a table without a key, the whole row. */
  readonly key: Readonly<Record<string, string | null>>;
  readonly kind: 'missing' | 'extra' | 'changed';
  /** Only the columns that differ; values as text. */
  readonly columns: readonly { readonly column: string; readonly source: string | null; readonly destination: string | null }[];
}
export interface TableVerdict {
  readonly database: string;
  /** `schema.table`, quoted where needed. */
  readonly table: string;
  readonly sourceRows: number;
  readonly destinationRows: number;
  readonly equal: boolean;
  readonly missing: number;
  readonly extra: number;
  readonly changed: number;
  /** Rows that kept moving: never a difference. */
  readonly unsettled: number;
  /** At most `rowsPerTable`. */
  readonly rows: readonly Differing[];
}
export interface ObjectDifference {
  readonly database: string;
  /** table, column, index, constraint, sequence, view, function, trigger, type, extension, owner, grant, … */
  readonly kind: string;
  readonly object: string;
  readonly source: string | null;
  readonly destination: string | null;
}
export interface Verdict {
  readonly equal: boolean;
  readonly tables: readonly TableVerdict[];
  readonly objects: readonly ObjectDifference[];
  /** Differences that the run itself intends, each with its reason. */
  readonly expected: readonly (ObjectDifference & { readonly reason: string })[];
  readonly rows: number;
  readonly bytes: number;
  readonly durationMs: number;
}

/** A difference that the run intends. All given fields must match; `object` is compared as a whole. */
export interface Expectation {
  readonly kind: string;
  readonly object?: string;
  readonly reason: string;
}
export interface CompareRequest {
  readonly databases: readonly string[];
  /** Changes still flow: a difference counts only if the same unequal pair is seen twice with an LSN barrier between. */
  readonly live: boolean;
  /** The destination has not been promoted: sequences are synchronised by a later step and are not compared. */
  readonly sequences: boolean;
  readonly expected: readonly Expectation[];
  readonly connections: number;
  readonly rowsPerTable?: number;
  readonly signal: AbortSignal;
  readonly progress?: (done: { readonly bytes: number; readonly ofBytes: number; readonly rows: number; readonly table: string }) => void;
}
export interface Validator {
  compare(request: CompareRequest): Promise<Verdict>;
}
