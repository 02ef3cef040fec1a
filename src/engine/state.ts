import type { RunHeader } from './facts.ts';
import type { HinderingSession, Impact, Leg } from './step.ts';
import type { Span } from './timeline.ts';

/** What the engine knows of each step without its code: made from the runbook, given to fold and next as data. */
export interface StepShape {
  readonly id: string;
  readonly leg: Leg;
  readonly title: string;
  readonly phase: string;
  readonly impact: Impact;
  readonly gated: boolean;
  readonly skippable: boolean;
  readonly irreversible: boolean;
  readonly undo: 'function' | 'keep' | 'irreversible' | 'ask';
  readonly writeStop?: 'gate' | 'within' | 'promotion' | 'after-promotion';
  readonly copy?: 'prepares' | 'begins';
}
export type RunbookShape = readonly StepShape[];

export interface StepState {
  readonly id: string;
  readonly leg: Leg;
  readonly status: 'pending' | 'started' | 'done' | 'skipped' | 'blocked' | 'undone' | 'kept';
  readonly attempts: number;
  readonly startedAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly evidence: string | undefined;
  readonly changed: boolean;
}
export interface Vote {
  readonly by: string;
  readonly at: number;
  readonly vote: 'approve' | 'reject';
  readonly reason: string | undefined;
}
export interface OpenGate {
  /** The step's id, or `undo:<step>`. */
  readonly gate: string;
  readonly step: string;
  readonly nonce: string;
  readonly planHash: string;
  readonly plan: readonly string[];
  readonly shown: readonly string[];
  readonly question: string;
  readonly askedAt: number;
  readonly expiresAt: number;
  readonly expired: boolean;
  /** Why it was asked again. */
  readonly because: string | undefined;
  readonly votes: readonly Vote[];
}
export interface Approval {
  readonly planHash: string;
  readonly plan: readonly string[];
  readonly by: readonly string[];
  readonly at: number;
}
export interface OpenTask {
  readonly step: string;
  readonly what: readonly string[];
  readonly verifiedBy: string;
  readonly expects: string | undefined;
  readonly askedAt: number;
  readonly because: string | undefined;
}
export interface Blocked {
  readonly step: string;
  readonly at: number;
  readonly code: string;
  readonly reason: string;
  readonly remedy: string;
  readonly fate: 'human' | 'fatal';
  readonly undoing: boolean;
  readonly skippable: boolean;
  /** Those in its way that people may have disconnected. */
  readonly sessions: readonly HinderingSession[];
  /** A copy that is begun anew makes it good. */
  readonly restartCopy: boolean;
}
export type RunStatus =
  | 'nothing'
  | 'planned'
  | 'running'
  | 'waiting-gate'
  | 'waiting-task'
  | 'blocked'
  | 'pausing'
  | 'paused'
  | 'aborting'
  | 'undoing'
  | 'giving-back'
  | 'finished'
  | 'aborted'
  | 'rolled-back'
  | 'retired';

/** The leg that a run is on. */
export interface LegState {
  readonly name: Leg;
  /** Who asked for it, why and when. */
  readonly by: string;
  readonly reason: string;
  readonly at: number;
  /** The writes were off already when it began: there is nobody to give them back to without people. */
  readonly writesWereOff: boolean;
  /** The run had ended before it. */
  readonly reopened: boolean;
}

/** Times in ms since the epoch; `spans`: what its steps waited for. */
export interface WriteStop {
  readonly from: number;
  readonly to: number;
  readonly end: 'given-back' | 'switched' | 'rolled-back';
  readonly spans: readonly Span[];
}

/** The fold of a run's log. Derived; never stored. */
export interface RunState {
  readonly header: RunHeader | undefined;
  /** The number of facts read: what compare-and-append compares. */
  readonly version: number;
  readonly epoch: number;
  readonly status: RunStatus;
  /** Of the upgrade, and of the leg that the run is on or ended with. */
  readonly steps: readonly StepState[];
  readonly leg: LegState;
  /** The step that is executed, waited for or asked about now. */
  readonly current: string | undefined;
  readonly gate: OpenGate | undefined;
  /** The question that is being looked at again: it comes back with its votes if what is seen is the same. */
  readonly rechecked: OpenGate | undefined;
  /** Who carries the run now: the person who started it, or the last one that it was handed to. */
  readonly operator: string | undefined;
  /** By gate: the plan that people approved, and who. */
  readonly approved: ReadonlyMap<string, Approval>;
  /** Gates of undo steps that people rejected: kept. */
  readonly rejected: ReadonlySet<string>;
  readonly task: OpenTask | undefined;
  readonly answers: ReadonlyMap<string, { readonly by: string; readonly answer: string }>;
  readonly blocked: Blocked | undefined;
  /** Sessions that people want ended before the step looks again. */
  readonly disconnect: { readonly step: string; readonly by: string; readonly sessions: readonly HinderingSession[] } | undefined;
  /** The ledger: step → key → value. */
  readonly records: ReadonlyMap<string, ReadonlyMap<string, unknown>>;
  readonly pause: { readonly by: string; readonly reason: string; readonly at: number } | undefined;
  readonly abort: { readonly by: string; readonly reason: string; readonly at: number } | undefined;
  /** The copy is to begin anew: the steps from `to` on are taken back, then the run goes on from there. */
  readonly takingBack: { readonly to: string; readonly by: string; readonly reason: string; readonly at: number } | undefined;
  readonly deadlineAt: number | undefined;
  /** The leg's point of no return: the promotion, or in a rollback the opening of the old instance. */
  readonly promotionCalled: boolean;
  /** `give-back.begun` is in the log and `writes.given-back` is not. */
  readonly givingBack: { readonly reason: string } | undefined;
  /** When the first step of the write stop began; `undefined` while writes are on. */
  readonly writesOffSince: number | undefined;
  /** Write stops that ended: by a give-back, by the services' start on the new instance or on the old one. */
  readonly writeStops: readonly WriteStop[];
  /** What the looks at the armed way back found; `lost`: there is none any more, and why. */
  readonly wayBack: {
    readonly warnings: readonly string[];
    readonly gaps: readonly string[];
    readonly lost: string | undefined;
    /** People were told that its days are over. */
    readonly over: boolean;
  };
  readonly endedAt: number | undefined;
}

/** The next move: a pure function of the state. */
export type Next =
  | { readonly do: 'execute'; readonly step: string }
  | { readonly do: 'undo'; readonly step: string }
  /** Undo the write stop's steps, latest first, then `writes.given-back`. */
  | { readonly do: 'give-back'; readonly reason: string }
  /** Nothing is left to do, or all steps are undone that can be or that were to be. */
  | {
      readonly do: 'end';
      readonly as: 'run.finished' | 'run.aborted' | 'run.rolled-back' | 'run.retired' | 'leg.abandoned' | 'copy.taken-back';
    }
  | { readonly do: 'await-gate'; readonly gate: string }
  | { readonly do: 'await-task'; readonly step: string }
  | { readonly do: 'await-human'; readonly step: string }
  | { readonly do: 'await-due' }
  | { readonly do: 'await-resume' }
  | { readonly do: 'nothing' };
