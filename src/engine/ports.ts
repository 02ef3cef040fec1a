import type { Fact, FactBody, RunHeader } from './facts.ts';
import type { Attachment, Exhibit, Progress } from './step.ts';

export interface Place {
  readonly service: string;
  readonly environment: string;
}
/** No run may start there. `at`: ms since the epoch. */
export interface Lock {
  readonly by: string;
  readonly reason: string;
  readonly at: number;
}

/** Where runs are kept. Implemented in jobs/ on Redis. */
export interface RunLog {
  /**
   * The run's first facts, its place in the index and the claim on service and environment, in one atomic call.
   * Gives the run's name, or what stands in the way: the unfinished run that holds the environment, or its lock.
   * `header.run` is filled in by it.
   */
  start(header: Omit<RunHeader, 'run'>): Promise<{ readonly started: string } | { readonly heldBy: string } | { readonly locked: Lock }>;
  read(run: string): Promise<readonly Fact[]>;
  /**
   * Push only if the log is `seen` facts long and, where the facts need it, `token` owns the lease. `at` is set by Redis' clock.
   * A fact that begins a leg claims the environment in the same call, one that ends the run releases it; `heldBy`: another run has it.
   */
  append(
    run: string,
    seen: number,
    facts: readonly FactBody[],
    token?: number,
  ): Promise<'appended' | 'stale' | 'not-owner' | { readonly heldBy: string }>;
  /** Newest first. */
  runs(): Promise<readonly { readonly run: string; readonly service: string; readonly environment: string; readonly active: boolean }[]>;
  /** Keeps runs from starting there. Gives the lock that is in force: `mine`, or the one that was there before. */
  lock(place: Place, lock: Pick<Lock, 'by' | 'reason'>): Promise<{ readonly mine: boolean; readonly lock: Lock }>;
  /** Gives the lock that was taken away. */
  unlock(place: Place): Promise<Lock | undefined>;
  /** By `service/environment`. */
  locks(): Promise<ReadonlyMap<string, Lock>>;
  setProgress(run: string, step: string, progress: Progress): Promise<void>;
  progress(run: string): Promise<(Progress & { readonly step: string; readonly at: number }) | undefined>;
  /** The latest look at the run's armed way back, beside the log: figures move all the time. */
  setWayBack(run: string, look: WayBackLook): Promise<void>;
  wayBack(run: string): Promise<WayBackLook | undefined>;
  /** The latest look at the proof that is kept while changes flow. */
  setProof(run: string, look: ProofLook): Promise<void>;
  proof(run: string): Promise<ProofLook | undefined>;
  /** Calls back after every append and progress of any run. Gives the function that ends it. */
  watch(listener: (run: string) => void): Promise<() => Promise<void>>;
}

/** How the armed way back stood when it was looked at last. */
export interface WayBackLook {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Lag, what it keeps on the new instance's disk, what was carried over. */
  readonly text: string;
  /** Why the look was not possible. */
  readonly problem?: string;
  /** What the next look goes on from; nobody else's. */
  readonly memo: unknown;
}

/** How a proof stood when its process looked last. */
export interface ProofLook {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Of which proof: when it was begun. */
  readonly since: number;
  /** Rows that are open, rows read again, WAL kept. */
  readonly text: string;
  /** Why it could not be kept on just now. */
  readonly problem?: string;
}

/** What one round of upkeep found and did: all but `look` goes to the log when it is new. */
export interface Tended {
  readonly look: WayBackLook;
  /** Tables made on the old instance, as sentences. */
  readonly did: readonly string[];
  readonly warnings: readonly string[];
  readonly gaps: readonly string[];
  readonly lost?: string;
  /** Its days are over: since when, and what to do. */
  readonly over?: string;
}

/** Queues what the run owes next. Implemented in jobs/ on BullMQ; idempotent. */
export interface Dispatcher {
  advance(run: string): Promise<void>;
  /** A read-only look by a worker: gives what it says; a long one tells how far it is. */
  look(request: LookRequest, onProgress?: (text: string) => void): Promise<LookAnswer>;
}
export type LookRequest =
  /** `run` absent: a plan before any run. */
  | { readonly kind: 'plan'; readonly service: string; readonly environment: string; readonly to?: number; readonly run?: string }
  | { readonly kind: 'preflight'; readonly service: string; readonly environment: string; readonly to?: number }
  /** Compares the two instances of a run while changes flow. `tables`: only the rows of these. */
  | {
      readonly kind: 'validate';
      readonly service: string;
      readonly environment: string;
      readonly run: string;
      readonly tables?: readonly string[];
    };
export interface LookAnswer {
  readonly lines: readonly { readonly step: string; readonly title: string; readonly state: string; readonly text: readonly string[] }[];
  readonly comparison?: LookComparison;
  readonly error?: { readonly code: string; readonly message: string };
}
/** What came out of comparing; row values are masked. */
export interface LookComparison {
  readonly equal: boolean;
  /** One sentence with its figures. */
  readonly text: string;
  readonly exhibits: readonly Exhibit[];
  /** Every difference, where there is one. */
  readonly file?: Attachment;
}

/** Who may do what. Implemented in slack/ (user groups, ids), fails closed. */
export interface Directory {
  /** The roles of a person, as the service file gives them. */
  roles(user: string, people: Readonly<Record<string, readonly string[]>>): Promise<ReadonlySet<string>>;
}
