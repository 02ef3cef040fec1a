import type { Client } from 'pg';
import type { Side } from '../postgres/types.ts';

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
/** What was not compared, and why. */
export interface NotCompared {
  readonly database: string;
  /** A table, sequence, foreign table or materialized view. */
  readonly object: string;
  readonly reason: string;
  /** Something is in the way that somebody can remove, so the verdict cannot be `equal`. Otherwise its kind has no rows of its own. */
  readonly obstacle: boolean;
}
export interface Verdict {
  /** Nothing differs and nothing that should have been compared was left out. */
  readonly equal: boolean;
  readonly tables: readonly TableVerdict[];
  readonly objects: readonly ObjectDifference[];
  /** Differences that the run itself intends, each with its reason. */
  readonly expected: readonly (ObjectDifference & { readonly reason: string })[];
  readonly notCompared: readonly NotCompared[];
  readonly rows: number;
  readonly bytes: number;
  readonly durationMs: number;
}

/**
 * A difference that the run intends. All given fields must match; `object` is compared as a whole.
 *
 * Kinds and their objects (names are quoted where needed):
 * `database` (encoding, collation; object `database`), `schema` (name), `table` `view` `materialized-view` `foreign-table`
 * (schema.name), `column` (schema.table.column), `index` (schema.index), `constraint` `trigger` `policy` `rule`
 * (schema.table.name), `row-security` (schema.table), `view-definition` (schema.name), `function` (schema.name(types)), `type`
 * (schema.name), `sequence` and `sequence-value` (schema.name), `extension` and `extension-version` (name), `statistics`
 * (schema.name), `event-trigger` (name), `setting` (`database` or `role NAME`), `large-object` (`large objects`), `owner` (`table schema.name`,
 * `function …`, `type …`, `schema …`, `database`), `grant` (`table schema.name to GRANTEE`, `column …`, `function …`, `type …`,
 * `schema …`), `default-privilege` (`ROLE in SCHEMA on tables to GRANTEE`), `comment` (`table schema.name`, …), `rows`
 * (schema.table: the rows of that table may differ), and what PostgreSQL calls the rest (`operator`, `collation`, …).
 *
 * Until ownership is handed over everything on the destination belongs to cloudsqlexternalsync: pass `{ kind: 'owner' }`,
 * and `{ kind: 'grant' }` and `{ kind: 'default-privilege' }` until the roles are granted there.
 */
export interface Expectation {
  readonly kind: string;
  readonly object?: string;
  readonly reason: string;
}
/** Where changes come from. */
export interface Flow {
  readonly from: Side;
  /** By database: the slots that confirm what has arrived; absent: every slot of plugin `pglogical_output`. */
  readonly slots?: Readonly<Record<string, readonly string[]>>;
}
export interface CompareRequest {
  readonly databases: readonly string[];
  /** Changes still flow: a difference counts only if the same unequal pair is seen twice with an LSN barrier between. */
  readonly live: boolean;
  /** The destination has not been promoted: sequences are synchronised by a later step and are not compared. */
  readonly sequences: boolean;
  readonly expected: readonly Expectation[];
  readonly connections: number;
  /** The share of its time, in percent, in which each connection may work; what is left it waits. Absent: 100. */
  readonly throttle?: number;
  readonly rowsPerTable?: number;
  readonly signal: AbortSignal;
  /** Only these schemas, tables (`schema.table`, quoted where needed); absent: all. */
  readonly schemas?: readonly string[];
  readonly tables?: readonly string[];
  /** By database: the rows of these tables only, and everything else as usual. Awaited before the first row is read. */
  readonly rowsOf?: Promise<Readonly<Record<string, readonly string[]>> | undefined>;
  /** Absent: `everything`. `rows` still finds tables that one side lacks. */
  readonly parts?: 'everything' | 'rows' | 'objects';
  /** Live: the source's slots that must confirm an LSN. Absent: every slot of the database with plugin `pglogical_output`. */
  readonly slots?: readonly string[];
  /** Live: the side that changes come from, and the slots of each database there. Absent: from the source, see `slots`. */
  readonly flow?: Flow;
  /** Grants to these roles are not compared (`migration`, `wayback`); those to `cloudsql*` never are. */
  readonly ignoredGrantees?: readonly string[];
  /** Every row that differs, as it is found, beyond `rowsPerTable` too. */
  readonly found?: (table: string, row: Differing) => void;
  readonly progress?: (done: { readonly bytes: number; readonly ofBytes: number; readonly rows: number; readonly table: string }) => void;
}
export interface Validator {
  compare(request: CompareRequest): Promise<Verdict>;
  /**
   * Before the writes are stopped for the next comparison: opens what it connects to (`connections` for rows) and, unless `parts`
   * is `rows`, compares everything but rows, so that only what was changed since is compared then.
   */
  ready(request: Pick<CompareRequest, 'databases' | 'parts' | 'connections' | 'ignoredGrantees' | 'signal'>): Promise<void>;
}

/** Plain sessions, connected, one per call; the validator ends them. It opens at most `connections` + 1 on each side of a database. */
export interface ConnectionFactory {
  open(database: string, applicationName: string): Promise<Client>;
  /** Takes a session back for the next who opens one like it. Absent: it is ended. */
  keep?(client: Client, database: string, applicationName: string): void;
}
