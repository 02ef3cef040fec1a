import type { Cause } from './timeline.ts';

/**
 * The vocabulary. A *run* carries out the *runbook*: *phases* of *steps*. A step looks (`check`) before and after it
 * acts (`apply`); what it would do is its *plan*, word for word. A *gate* waits for people to approve a plan, a *task*
 * for a person to do something that the bot then verifies. A *fact* is one entry of the run's log.
 */

/** What a step sees when it looks at the world. The engine, not the step, decides what follows from it. */
export type Observation =
  | { readonly state: 'done'; readonly evidence: string }
  | {
      readonly state: 'todo';
      /** Hashed and approved: SQL, patches, thresholds. Must not contain what moves by itself (lag now, an ETA). */
      readonly plan: readonly string[];
      /** Shown beside the plan, never hashed. */
      readonly shown: readonly string[];
      /** False: this time the step's gate is not needed (nothing in this plan would be felt). */
      readonly gate: boolean;
    }
  | { readonly state: 'waiting'; readonly progress: string; readonly againInMs: number }
  | {
      readonly state: 'task';
      readonly what: readonly string[];
      readonly verifiedBy: string;
      readonly expects?: string;
      readonly file?: Attachment;
    }
  | ({ readonly state: 'blocked'; readonly code: string; readonly reason: string; readonly remedy: string } & Shown);

/** A file for the run's thread: Terraform, a list of differences. */
export interface Attachment {
  readonly name: string;
  readonly content: string;
}

/** What people see beside a reason: a heading with a table (its first row is the head) or with lines word for word. */
export interface Exhibit {
  readonly title: string;
  readonly table?: readonly (readonly string[])[];
  readonly lines?: readonly string[];
}
export interface Shown {
  readonly exhibits?: readonly Exhibit[];
  readonly file?: Attachment;
  /** Those that people may have disconnected; only from a step with `disconnect`. */
  readonly sessions?: readonly HinderingSession[];
  /** A copy that is begun anew makes it good: people are offered to restart it. */
  readonly restartCopy?: true;
}

/** A session that is in a step's way. A process id is given away again, so only pid and start together name it. */
export interface HinderingSession {
  readonly pid: number;
  /** When it connected, by the server's clock: microseconds since the epoch. */
  readonly startedAt: number;
  /** Role, application, address, the start of its statement with the values masked, pid. */
  readonly who: string;
}
/** What became of the sessions that people wanted disconnected, by `who`; of those that were left alone also why. */
export interface Disconnected {
  readonly ended: readonly string[];
  readonly left: readonly string[];
}

export function done(evidence: string): Observation {
  return { state: 'done', evidence };
}
export function todo(plan: readonly string[], options: { readonly shown?: readonly string[]; readonly gate?: boolean } = {}): Observation {
  return { state: 'todo', plan, shown: options.shown ?? [], gate: options.gate ?? true };
}
export function waiting(progress: string, againInMs: number): Observation {
  return { state: 'waiting', progress, againInMs };
}
export function task(
  what: readonly string[],
  verifiedBy: string,
  options: { readonly expects?: string; readonly file?: Attachment } = {},
): Observation {
  return { state: 'task', what, verifiedBy, ...options };
}
export function blocked(code: string, reason: string, remedy: string, shown: Shown = {}): Observation {
  return { state: 'blocked', code, reason, remedy, ...shown };
}

/** Progress of long work: only its latest value is kept, beside the log. */
export interface Progress {
  readonly text: string;
  /** 0 to 1. */
  readonly fraction?: number;
  readonly etaMs?: number;
}

/** What a step may know of and say to its run. */
export interface RunView {
  /** `PG-1` */
  readonly run: string;
  /** Random, unique for ever: ids and `requestId`s outside are made from it. Lower case letters and digits, 8 long. */
  readonly uid: string;
  readonly service: string;
  readonly environment: string;
  /** The leg that the run is on: an undo may be an abort’s or a rollback’s. */
  readonly leg: Leg;
  /** Major versions, e.g. 15 and 17. */
  readonly from: number;
  readonly to: number;
  /** Aborted when the lease is lost, the worker stops, or somebody asks for pause or abort. */
  readonly signal: AbortSignal;
  /** Writes one fact of the ledger, under this step's name. A later record of the same key replaces it in `recall`. Values are JSON, never secrets. */
  record(key: string, value: unknown): Promise<void>;
  /** The latest value recorded under `key` by this step, or by `step` where given; `undefined` if there is none. */
  recall<T>(key: string, step?: string): T | undefined;
  /** What a person answered to this step's task (a link, or ''), or `undefined` while nobody has. */
  readonly answer: string | undefined;
  progress(progress: Progress): void;
  /** Runs `work` and says what the time went to: the report tells each write stop by cause. */
  spend<T>(cause: Cause, work: () => Promise<T>): Promise<T>;
  /** Compare-and-append facts that exclude each other; false: the other one was first, so do not act. */
  claimPromotion(): Promise<boolean>;
  /** The promotion was refused for certain, seen by reading it again: opens the way to give the writes back. */
  promotionRefused(reason: string): Promise<void>;
  /** When the deadline of the write stop fires (ms since the epoch), or `undefined` outside it. */
  readonly deadlineAt: number | undefined;
}

export type UndoFunction<D> = (clients: D, run: RunView) => Promise<void>;
export type Undo<D> =
  | UndoFunction<D>
  /** Harmless to leave behind, and why. */
  | { readonly keep: string }
  /** Nothing from here on can be undone, and why. */
  | { readonly irreversible: string }
  /** Undone only if people approve `question`; else kept, and why that is harmless. */
  | {
      readonly ask: string;
      readonly keep: string;
      readonly undo: UndoFunction<D>;
      /** Asked only in this case; else it is undone without a question. */
      readonly askIf?: { readonly when: string; readonly is: (run: RunView) => boolean };
    };

export type Impact = 'none' | 'restart' | 'writes-stop' | 'point-of-no-return';

export interface Step<D> {
  /** kebab-case, verb first; the file's name. */
  readonly id: string;
  /** As people say it. */
  readonly title: string;
  readonly impact: Impact;
  /** People approve the plan first. Who: service file, `gates`. */
  readonly gate?: { readonly question: string };
  /** A person may decide to go on without it. */
  readonly skippable?: true;
  /** What its waiting inside the write stop counts as in the report; absent: the bot's own time. */
  readonly waitsFor?: Cause;
  /** Part of its leg's write stop: `gate` opens it, `within` runs inside, `promotion` (of a rollback: the old instance is opened) ends the automatic way back. */
  readonly writeStop?: 'gate' | 'within' | 'promotion' | 'after-promotion';
  /**
   * Its part in the copy, which people may have restarted: `begins` is where the run is then taken back to, one step of the upgrade;
   * `prepares` made the source ready for it, as the schema was, and looks again.
   */
  readonly copy?: 'prepares' | 'begins';
  check(clients: D, run: RunView): Promise<Observation>;
  /** Absent where the step only waits, asks or decides. Must be harmless when half of it was done before. */
  apply?(clients: D, run: RunView): Promise<void>;
  /** Ends those of the sessions that its failure showed that are still the same and still in the way; before `check`, where people asked for it. */
  disconnect?(clients: D, sessions: readonly HinderingSession[]): Promise<Disconnected>;
  readonly undo: Undo<D>;
}

/** What a run carries out: the upgrade first; later, if people ask for it, the rollback to the old instance, or its retirement. */
export type Leg = 'upgrade' | 'rollback' | 'retire';

export interface Phase<D> {
  /** Absent: the upgrade. */
  readonly leg?: Leg;
  readonly name: string;
  readonly steps: readonly Step<D>[];
}
export type Runbook<D> = readonly Phase<D>[];

/**
 * Does what may pass by itself hold the step up for `patienceMs` already? Since when is kept in the run under `key`, and forgotten when
 * it is over or was told: then it has its time anew.
 */
export async function lasts(run: Pick<RunView, 'record' | 'recall'>, key: string, holds: boolean, patienceMs: number): Promise<boolean> {
  const since = run.recall<number | null>(key) ?? undefined;
  if (holds && since === undefined) await run.record(key, Date.now());
  const told = holds && since !== undefined && Date.now() - since >= patienceMs;
  if (since !== undefined && (told || !holds)) await run.record(key, null);
  return told;
}
