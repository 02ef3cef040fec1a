import type { RunLog } from './ports.ts';
import type { RunbookShape } from './state.ts';
import type { Step } from './step.ts';

/** What one execution is given: the ports, the lease, and the run's own limits. */
export interface Execution<C> {
  readonly run: string;
  readonly log: Pick<RunLog, 'read' | 'append' | 'setProgress'>;
  readonly shape: RunbookShape;
  readonly steps: ReadonlyMap<string, Step<C>>;
  readonly clients: C;
  /** Of the lease; facts of an execution are refused without the current one. */
  readonly token: number;
  /** Aborted when the lease is lost, the worker stops, or somebody asks for pause or abort. */
  readonly signal: AbortSignal;
  /** From the start of the write stop until the promotion has to be called, in ms. */
  readonly deadlineMs: number;
  /** How long people may think about a gate, in ms. */
  readonly gateExpiresMs: number;
  readonly now: () => number;
  readonly nonce: () => string;
  /** Called at once when the write stop begins, before anything is stopped: places the deadline's job. */
  readonly deadlineSet: (dueAt: number) => Promise<void>;
  /** Reads from Google whether the promotion was called, in case the log has lost that fact. */
  readonly mayGiveBack: () => Promise<'yes' | { readonly no: string }>;
}

export type Outcome =
  /** Facts were appended; the run's next move may be another one. */
  | { readonly kind: 'advanced' }
  /** The world is not there yet: look again. */
  | { readonly kind: 'again'; readonly inMs: number }
  /** `signal` was aborted before the execution was through. */
  | { readonly kind: 'interrupted' }
  /** The run owes something else by now. Nothing was done. */
  | { readonly kind: 'stale' };
