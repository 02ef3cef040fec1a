import type { RunLog } from './ports.ts';
import type { RunbookShape } from './state.ts';
import type { Step } from './step.ts';

/** Who may write the facts of a run's execution: the ports and the lease. */
export interface Ownership {
  readonly run: string;
  readonly log: Pick<RunLog, 'read' | 'append' | 'setProgress'>;
  readonly shape: RunbookShape;
  /** Of the lease; facts of an execution are refused without the current one. */
  readonly token: number;
  /** Aborted when the lease is lost, the worker stops, or somebody asks for pause or abort. */
  readonly signal: AbortSignal;
  readonly now: () => number;
}

/** What one execution is given besides: the steps, their clients, and the run's own limits. */
export interface Execution<C> extends Ownership {
  readonly steps: ReadonlyMap<string, Step<C>>;
  readonly clients: C;
  /** From the start of the write stop until the promotion has to be called, in ms. */
  readonly deadlineMs: number;
  /** How long people may think about a gate, in ms. */
  readonly gateExpiresMs: number;
  readonly nonce: () => string;
  /** Resolves after `ms`, or as soon as the signal is aborted. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
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
