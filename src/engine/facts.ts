import type { Disconnected, Exhibit, HinderingSession, Leg } from './step.ts';
import type { Span } from './timeline.ts';

/**
 * The run's log: facts, past tense, written once. The state is a fold over them (`fold.ts`).
 * `at` is milliseconds since the epoch, set when the fact is appended; `by` is a Slack user id, `terminal:<login>` or `bot`.
 */
export type Fact = { readonly at: number } & FactBody;

export type FactBody =
  | ({ readonly type: 'run.started' } & RunHeader)
  /** The time that it was planned for has come. */
  | { readonly type: 'run.due' }
  | {
      readonly type: 'step.started';
      readonly step: string;
      readonly attempt: number;
      readonly token: number;
      /** What is about to be carried out, where nobody had to approve it; at most 200 lines. */
      readonly plan?: readonly string[];
    }
  | { readonly type: 'fact.recorded'; readonly step: string; readonly key: string; readonly value: unknown }
  | {
      readonly type: 'step.done';
      readonly step: string;
      readonly evidence: string;
      readonly changed: boolean;
      /** What the execution waited for, inside the write stop. */
      readonly spans?: readonly Span[];
    }
  | {
      readonly type: 'step.blocked';
      readonly step: string;
      readonly code: string;
      readonly reason: string;
      readonly remedy: string;
      readonly fate: 'human' | 'fatal';
      readonly undoing: boolean;
      readonly file?: { readonly name: string; readonly content: string };
      readonly exhibits?: readonly Exhibit[];
      readonly sessions?: readonly HinderingSession[];
      readonly restartCopy?: true;
    }
  | { readonly type: 'step.skipped'; readonly step: string; readonly by: string; readonly reason: string }
  | { readonly type: 'step.undone'; readonly step: string; readonly how: 'undone' | 'kept'; readonly why: string }
  | {
      readonly type: 'gate.asked';
      readonly gate: string;
      readonly step: string;
      readonly nonce: string;
      readonly planHash: string;
      readonly plan: readonly string[];
      readonly shown: readonly string[];
      readonly question: string;
      readonly expiresAt: number;
      readonly because?: string;
    }
  /** Somebody wants the step to look again before they decide: what differs then is a new question. */
  | { readonly type: 'gate.rechecked'; readonly gate: string; readonly nonce: string; readonly by: string }
  | { readonly type: 'gate.expired'; readonly gate: string; readonly nonce: string }
  | {
      readonly type: 'vote.cast';
      readonly gate: string;
      readonly nonce: string;
      readonly by: string;
      readonly vote: 'approve' | 'reject';
      readonly reason?: string;
    }
  | { readonly type: 'vote.withdrawn'; readonly gate: string; readonly nonce: string; readonly by: string }
  | {
      readonly type: 'gate.decided';
      readonly gate: string;
      readonly nonce: string;
      readonly decision: 'approved' | 'rejected';
      readonly by: readonly string[];
      readonly planHash: string;
      readonly reason?: string;
    }
  | {
      readonly type: 'task.asked';
      readonly step: string;
      readonly what: readonly string[];
      readonly verifiedBy: string;
      readonly expects?: string;
      readonly file?: { readonly name: string; readonly content: string };
      readonly because?: string;
    }
  | { readonly type: 'task.done'; readonly step: string; readonly by: string; readonly answer: string }
  /** `disconnect`: of the sessions that the failure showed, those that are to be ended first. */
  | { readonly type: 'retry.requested'; readonly step: string; readonly by: string; readonly disconnect?: readonly HinderingSession[] }
  /** Carried out by a worker; `by`: who asked for it. */
  | ({ readonly type: 'sessions.disconnected'; readonly step: string; readonly by: string } & Disconnected)
  | { readonly type: 'pause.requested'; readonly by: string; readonly reason: string }
  | { readonly type: 'run.resumed'; readonly by: string }
  | { readonly type: 'run.handed-over'; readonly by: string; readonly to: string }
  | { readonly type: 'abort.requested'; readonly by: string; readonly reason: string }
  | { readonly type: 'undo.begun'; readonly reason: string }
  /** The copy is to begin anew: everything down to and including the step `to` is taken back first. */
  | { readonly type: 'copy.restart-requested'; readonly by: string; readonly reason: string; readonly to: string }
  /** It is: the run goes on from that step. */
  | { readonly type: 'copy.taken-back' }
  | { readonly type: 'deadline.set'; readonly dueAt: number }
  | { readonly type: 'promotion.called' }
  | { readonly type: 'promotion.refused'; readonly reason: string }
  | { readonly type: 'give-back.begun'; readonly reason: string }
  | { readonly type: 'writes.given-back'; readonly offForMs: number }
  /**
   * Marks are the bot's. `paused`: the execution that was open when the pause was asked for has ended. `warning`: needs eyes now.
   */
  | { readonly type: 'note'; readonly by: string; readonly text: string; readonly marks?: 'paused' | 'warning' }
  /**
   * What a look at the armed way back brought: tables made on the old instance, and everything that stands against going back now
   * (`warnings`, replacing the earlier ones) or for good (`gaps`, added to them). `lost`: why there is no way back any more. `over`: that
   * its days are over and what to do; said once.
   */
  | {
      readonly type: 'way-back.tended';
      readonly did: readonly string[];
      readonly warnings: readonly string[];
      readonly gaps: readonly string[];
      readonly lost?: string;
      readonly over?: string;
    }
  /** What keeping the rows proved equal has brought, beside the run; it counts as what `step` has recorded under `kept`. */
  | { readonly type: 'proof.kept'; readonly step: string; readonly kept: ProofKept }
  | { readonly type: 'run.finished' }
  | { readonly type: 'run.aborted' }
  /** People asked for another leg. `steps`: its ids in order, as they were then. Claims the environment again for a run that had ended. */
  | {
      readonly type: 'leg.begun';
      readonly leg: Exclude<Leg, 'upgrade'>;
      readonly by: string;
      readonly reason: string;
      readonly steps: readonly string[];
    }
  /** Taken back before its point of no return: the run is what it was before the leg. `releases`: it had ended. */
  | { readonly type: 'leg.abandoned'; readonly leg: Leg; readonly releases: boolean }
  | { readonly type: 'run.rolled-back' }
  | { readonly type: 'run.retired' };

/** How a proof stands that is kept while changes flow. */
export interface ProofKept {
  /** When the proof was begun (ms since the epoch): one that was begun anew has none of this. */
  readonly since: number;
  /** Tables with rows that replication will not mend. */
  readonly differing: readonly string[];
  /** What somebody should look at before the switch, the above included: sentences. */
  readonly problems: readonly string[];
  /** Why there is no proof any more. */
  readonly lost?: string;
  /** By database: what its tables were when their rows were last seen equal. */
  readonly prints: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export type FactType = FactBody['type'];

/** What never changes in a run. */
export interface RunHeader {
  /** `PG-1` */
  readonly run: string;
  /** Random; what ids outside are made from. */
  readonly uid: string;
  readonly service: string;
  readonly environment: string;
  readonly from: number;
  readonly to: number;
  readonly by: string;
  readonly channel: string;
  /** The ids of the runbook's steps in order, as they were when the run began. */
  readonly steps: readonly string[];
  /** A planned start: nothing is executed before it. ms since the epoch. */
  readonly notBefore?: number;
  /** Why an admin started it although the environment that comes before has not finished the same upgrade. */
  readonly withoutBefore?: string;
  /** The format of these facts. */
  readonly format: 1;
}

/**
 * Does the fact end an execution or allow a new one? Only those move the epoch, and the epoch names the job: counting
 * a fact that is written inside `apply` made a second job of the same step (measured). A new fact without an entry
 * does not compile.
 */
export const movesEpoch = {
  'run.started': true,
  'run.due': true,
  'step.started': false,
  'fact.recorded': false,
  'step.done': true,
  'step.blocked': true,
  'step.skipped': true,
  'step.undone': true,
  'gate.asked': false,
  'gate.rechecked': true,
  'gate.expired': false,
  'vote.cast': false,
  'vote.withdrawn': false,
  'gate.decided': true,
  'task.asked': false,
  'task.done': true,
  'retry.requested': true,
  'sessions.disconnected': false,
  'pause.requested': false,
  'run.resumed': true,
  'run.handed-over': false,
  'abort.requested': false,
  'undo.begun': true,
  'copy.restart-requested': true,
  'copy.taken-back': true,
  'deadline.set': false,
  'promotion.called': false,
  'promotion.refused': false,
  'give-back.begun': false,
  'writes.given-back': true,
  note: false,
  'way-back.tended': false,
  'proof.kept': false,
  'run.finished': false,
  'run.aborted': false,
  'leg.begun': true,
  'leg.abandoned': true,
  'run.rolled-back': false,
  'run.retired': false,
} as const satisfies Record<FactType, boolean>;

/** With these the run gives up the environment. */
export function endsRun(fact: FactBody): boolean {
  return (
    ['run.finished', 'run.aborted', 'run.rolled-back', 'run.retired'].includes(fact.type) ||
    (fact.type === 'leg.abandoned' && fact.releases)
  );
}

/** Facts that only the owner of the run's lease may write. */
export const needsLease = {
  'step.started': true,
  'fact.recorded': true,
  'step.done': true,
  'step.blocked': true,
  'step.undone': true,
  'gate.asked': true,
  'task.asked': true,
  'sessions.disconnected': true,
  'deadline.set': true,
  'promotion.called': true,
  'promotion.refused': true,
  'writes.given-back': true,
} as const satisfies Partial<Record<FactType, true>>;
