import type { Fact } from '../../engine/facts.ts';
import type { ProofLook, WayBackLook } from '../../engine/ports.ts';
import type { RunbookShape, RunState } from '../../engine/state.ts';
import type { Progress } from '../../engine/step.ts';
import type { Rehearsal } from '../report/rehearsal.ts';

/** What messages say about a run that its log does not: from the service file, given as data. */
export interface RunFace {
  /** Instance names. */
  readonly source: string;
  readonly destination: string;
  /** From the write stop's begin until the promotion must be called. */
  readonly deadlineMs: number;
  readonly wayBackDays: number;
  /** Who decides a gate: group and user ids, how many of them, and whether the person who started the run counts. */
  gate(gate: string): GateFace;
  /** Who is named when something needs hands: ids of groups and people. */
  readonly operators: readonly string[];
  /** Who is named when a question stays open for long. */
  readonly escalation: readonly string[];
  /** Ids of the steps whose evidence the report shows: what was proved. */
  readonly proofs: readonly string[];
}
export interface GateFace {
  readonly role: string;
  readonly people: readonly string[];
  readonly count: number;
  readonly requesterMayApprove: boolean;
}

/** Everything a renderer may know. Pure: the same view gives the same message. */
export interface RunViewData {
  readonly state: RunState;
  readonly facts: readonly Fact[];
  readonly shape: RunbookShape;
  readonly face: RunFace;
  readonly progress: (Progress & { readonly step: string; readonly at: number }) | undefined;
  /** The finished run that this one is measured by, as a rule staging's. */
  readonly earlier?: Rehearsal | undefined;
  /** The latest look at the armed way back. */
  readonly wayBack?: WayBackLook | undefined;
  /** The latest look at the proof that is kept until the switch. */
  readonly proof?: ProofLook | undefined;
  /** Milliseconds since the epoch; read only for the write stop's clock and durations of what still runs. */
  readonly now: number;
}

export function titleOf(shape: RunbookShape, step: string): string {
  return shape.find((one) => one.id === step)?.title ?? step;
}

/** `undo:<step>` is a gate too: it asks whether to take a step back. */
export function gateTitle(shape: RunbookShape, gate: string): string {
  return gate.startsWith('undo:') ? `take back: ${titleOf(shape, gate.slice(5))}` : titleOf(shape, gate);
}

/** `PG-1 · staging · PostgreSQL 15 → 17` */
export function runName(state: RunState): string {
  const header = state.header;
  return header ? `${header.run} · ${header.service} ${header.environment} · PostgreSQL ${header.from} → ${header.to}` : 'No run';
}
export function runId(state: RunState): string {
  return state.header?.run ?? '';
}
