import type { RunHeader } from './facts.ts';
import { orderOf } from './shape.ts';
import type { Approval, Blocked, OpenGate, OpenTask, RunbookShape, RunState, StepState, Vote, WriteStop } from './state.ts';
import type { Span } from './timeline.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The state while it is being folded. */
export interface Draft {
  readonly shape: RunbookShape;
  header: RunHeader | undefined;
  epoch: number;
  order: readonly string[];
  gained: ReadonlySet<string>;
  /** Why this version of the bot cannot go on with the run. */
  problem: string | undefined;
  /** The farthest place in the order that the run ever came to. */
  reached: number;
  readonly steps: Map<string, Mutable<StepState>>;
  gate: (Mutable<Omit<OpenGate, 'votes'>> & { votes: Vote[] }) | undefined;
  rechecked: Draft['gate'];
  operator: string | undefined;
  readonly approved: Map<string, Approval>;
  readonly rejected: Set<string>;
  task: OpenTask | undefined;
  readonly answers: Map<string, { readonly by: string; readonly answer: string }>;
  blocked: Blocked | undefined;
  readonly records: Map<string, Map<string, unknown>>;
  pause: RunState['pause'];
  /** The execution that was open when the pause was asked for has ended. */
  pauseSettled: boolean;
  abort: RunState['abort'];
  undoBegun: boolean;
  dueAt: number | undefined;
  promotionCalled: boolean;
  givingBack: { readonly reason: string; readonly fate: 'human' | 'fatal' } | undefined;
  writesOffSince: number | undefined;
  /** Of the write stop that is open. */
  spans: readonly Span[];
  readonly writeStops: WriteStop[];
  ended: { readonly at: number; readonly as: 'finished' | 'aborted' } | undefined;
}

export function emptyDraft(shape: RunbookShape): Draft {
  return {
    shape,
    header: undefined,
    epoch: 0,
    order: [],
    gained: new Set(),
    problem: undefined,
    reached: -1,
    steps: new Map(),
    gate: undefined,
    rechecked: undefined,
    operator: undefined,
    approved: new Map(),
    rejected: new Set(),
    task: undefined,
    answers: new Map(),
    blocked: undefined,
    records: new Map(),
    pause: undefined,
    pauseSettled: false,
    abort: undefined,
    undoBegun: false,
    dueAt: undefined,
    promotionCalled: false,
    givingBack: undefined,
    writesOffSince: undefined,
    spans: [],
    writeStops: [],
    ended: undefined,
  };
}

export function begin(draft: Draft, header: RunHeader): void {
  const { order, gained, missing } = orderOf(header.steps, draft.shape);
  draft.header = header;
  draft.operator = header.by;
  draft.order = order;
  draft.gained = gained;
  for (const id of order) draft.steps.set(id, freshStep(id));
  if (header.format !== 1) draft.problem = `the facts of ${header.run} have the format ${String(header.format)}, this bot knows format 1`;
  else if (missing.length > 0) draft.problem = `this bot does not know the step ${missing.join(', ')} of ${header.run}`;
}

function freshStep(id: string): StepState {
  return { id, status: 'pending', attempts: 0, startedAt: undefined, endedAt: undefined, evidence: undefined, changed: false };
}

/** The step, touched: the run came at least as far as this. */
export function touch(draft: Draft, id: string): Mutable<StepState> {
  const known = draft.steps.get(id);
  draft.reached = Math.max(draft.reached, draft.order.indexOf(id));
  if (known) return known;
  const step = freshStep(id);
  draft.steps.set(id, step);
  return step;
}

export function shapeOfStep(draft: Draft, id: string) {
  return draft.shape.find((step) => step.id === id);
}

/** What was asked about the step is answered or has lost its meaning. */
export function settle(draft: Draft, step: string): void {
  if (draft.gate?.step === step) draft.gate = undefined;
  if (draft.rechecked?.step === step) draft.rechecked = undefined;
  if (draft.task?.step === step) draft.task = undefined;
  if (draft.blocked?.step === step) draft.blocked = undefined;
}

/** Back to the start: nothing that was found, approved or answered about the step counts any more. */
export function reset(draft: Draft, id: string): void {
  settle(draft, id);
  draft.steps.set(id, freshStep(id));
  for (const gate of [id, `undo:${id}`]) {
    draft.approved.delete(gate);
    draft.rejected.delete(gate);
  }
  draft.answers.delete(id);
}

/** Every result from the write stop's gate on is void for the next try. */
export function voidCutover(draft: Draft): void {
  const first = draft.order.findIndex((id) => shapeOfStep(draft, id)?.writeStop !== undefined);
  if (first >= 0) for (const id of draft.order.slice(first)) reset(draft, id);
}

/** The step at which a new cutover starts. */
export function cutoverStep(draft: Draft): string {
  return draft.order.find((id) => shapeOfStep(draft, id)?.writeStop !== undefined) ?? draft.order[0] ?? '';
}

/** Writes flow again when the last step after the promotion is done (or people decided to go on without it). */
export function endWriteStop(draft: Draft, at: number): void {
  if (draft.writesOffSince === undefined || !draft.promotionCalled) return;
  const open = draft.shape.some(({ id, writeStop }) => {
    const status = draft.steps.get(id)?.status;
    return (writeStop === 'promotion' || writeStop === 'after-promotion') && status !== 'done' && status !== 'skipped';
  });
  if (!open) closeWriteStop(draft, at, 'switched');
}

export function closeWriteStop(draft: Draft, at: number, end: WriteStop['end']): void {
  draft.writeStops.push({ from: draft.writesOffSince ?? at, to: at, end, spans: draft.spans });
  draft.writesOffSince = undefined;
  draft.spans = [];
}
