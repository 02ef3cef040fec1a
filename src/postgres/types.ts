/** What steps may ask of the two servers. The old server is the source, the new one the destination, before and after the promotion. */
export type Side = 'source' | 'destination';

export type Row = Record<string, unknown>;

export interface StatementOptions {
  /** Instead of the session's statement_timeout; for what is long by nature (ANALYZE, CREATE INDEX CONCURRENTLY). 0: none. */
  readonly timeoutMs?: number;
  /** Instead of the session's lock_timeout; only for CONCURRENTLY, whose waits for old transactions count as locks and block nobody. */
  readonly lockTimeoutMs?: number;
}

/** One session in one database, as user `postgres` unless said otherwise. Identifiers go through `identifier`, values as parameters. */
export interface Sql {
  readonly side: Side;
  readonly database: string;
  /** A statement that reads. */
  look<T extends Row>(text: string, values?: readonly unknown[], options?: StatementOptions): Promise<T[]>;
  /**
   * A statement that changes something. The lease of the run is checked first. A WARNING of GRANT, REVOKE or ANALYZE
   * ("no privileges were granted", "skipping") is an error: NeedsHuman `postgres.only-warned`.
   */
  change<T extends Row>(text: string, values?: readonly unknown[], options?: StatementOptions): Promise<T[]>;
  /** All or nothing; the work runs on this session. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /**
   * The four statements that Cloud SQL lets its `postgres` run although it is no superuser: CREATE EXTENSION pglogical,
   * ALTER ROLE … REPLICATION, CREATE PUBLICATION … FOR ALL TABLES, CREATE SUBSCRIPTION (and dropping the last two).
   * The one place that reads CLOUDSQL_PATCHED_ROLE.
   */
  patched(text: string): Promise<void>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
  /** PEM of the instance's server CA. */
  readonly caCertificate: string;
}

export interface Postgres {
  /** One session per side and database, opened at its first use, closed at the end of the execution. */
  database(side: Side, database: string): Promise<Sql>;
  /** Every database that allows connections, templates and `cloudsqladmin` left out; `postgres` included. */
  databases(side: Side): Promise<readonly string[]>;
  /** A session as somebody else. Errors are classified as everywhere (28P01, 42501 → NeedsHuman). The caller ends it. */
  login(side: Side, database: string, user: string, password: string): Promise<Sql & { end(): Promise<void> }>;
  address(side: Side): Promise<Address>;
}
