import type { Sql } from '../types.ts';

/** What a look at the source found, before anything is changed. */
export interface Finding {
  /** `blocks`: a later step would fail or data would be lost. `handled`: a step of the runbook deals with it. `note`: people should know. */
  readonly severity: 'blocks' | 'handled' | 'note';
  /** Stable: `table.no-primary-key`. */
  readonly code: string;
  /** Absent: it concerns the whole instance. */
  readonly database?: string;
  readonly object: string;
  readonly message: string;
  /** The id of the step. */
  readonly handledBy?: string;
  readonly remedy: string;
}

/** What the service file says, as far as it is known; the tool without a service file knows only `to`. */
export interface Expected {
  /** The major version to go to. */
  readonly to: number;
  readonly from?: number;
  readonly databases?: Readonly<Record<string, { readonly schemas: readonly string[]; readonly owner: string }>>;
  /** Users that are made on the destination. */
  readonly users?: readonly string[];
  /** `schema.table` → the column that `add-missing-primary-keys` adds. */
  readonly primaryKeys?: Readonly<Record<string, unknown>>;
  readonly customTypes?: readonly string[];
}

/** One query whose every row is a finding: `object`, and `detail` where the message needs it. */
export interface Check {
  readonly code: string;
  readonly severity: Finding['severity'];
  readonly handledBy?: string;
  readonly query: string;
  message(row: { readonly object: string; readonly detail: string }): string;
  readonly remedy: string;
}

/** How the look reaches the databases of one server. */
export interface Reach {
  databases(): Promise<readonly string[]>;
  database(name: string): Promise<Sql>;
}
