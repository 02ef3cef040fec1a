import type { Fact, RunHeader } from './facts.ts';
import { orderOf } from './shape.ts';
import type { Approval, Blocked, LegState, OpenGate, OpenTask, RunbookShape, RunState, StepState, Vote, WriteStop } from './state.ts';
import type { Leg } from './step.ts';
import type { Span } from './timeline.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The state while it is being folded. */
export interface Draft {
  readonly shape: RunbookShape;
  header: RunHeader | undefined;
  /** The time that it was planned for has come. */
  due: boolean;
  epoch: number;
  leg: LegState;
  /** What an abandoned leg leaves the run as. */
  before: Pick<Draft, 'leg' | 'promotionCalled' | 'ended'> | undefined;
  /** Of the upgrade, then of the leg. */
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
  disconnect: RunState['disconnect'];
  readonly records: Map<string, Map<string, unknown>>;
  pause: RunState['pause'];
  /** The execution that was open when the pause was asked for has ended. */
  pauseSettled: boolean;
  abort: RunState['abort'];
  takingBack: RunState['takingBack'];
  undoBegun: boolean;
  dueAt: number | undefined;
  promotionCalled: boolean;
  givingBack: { readonly reason: string; readonly fate: 'human' | 'fatal' } | undefined;
  writesOffSince: number | undefined;
  /** Of the write stop that is open. */
  spans: readonly Span[];
  readonly writeStops: WriteStop[];
  wayBack: RunState['wayBack'];
  ended: { readonly at: number; readonly as: 'finished' | 'aborted' | 'rolled-back' | 'retired' } | undefined;
}

export function emptyDraft(shape: RunbookShape): Draft {
  return {
    shape,
    header: undefined,
    due: false,
    epoch: 0,
    leg: { name: 'upgrade', by: '', reason: '', at: 0, writesWereOff: false, reopened: false },
    before: undefined,
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
    disconnect: undefined,
    records: new Map(),
    pause: undefined,
    pauseSettled: false,
    abort: undefined,
    takingBack: undefined,
    undoBegun: false,
    dueAt: undefined,
    promotionCalled: false,
    givingBack: undefined,
    writesOffSince: undefined,
    spans: [],
    writeStops: [],
    wayBack: { warnings: [], gaps: [], lost: undefined, over: false },
    ended: undefined,
  };
}

export function begin(draft: Draft, header: RunHeader, at: number): void {
  draft.header = header;
  draft.operator = header.by;
  draft.leg = { ...draft.leg, by: header.by, at };
  takeOrder(draft, 'upgrade', header.steps);
  draft.due = header.notBefore === undefined;
  if (header.format !== 1) draft.problem = `the facts of ${header.run} have the format ${String(header.format)}, this bot knows format 1`;
}

function takeOrder(draft: Draft, leg: Leg, ids: readonly string[]): void {
  const { order, gained, missing } = orderOf(ids, leg, draft.shape);
  draft.order = [...draft.order, ...order];
  draft.gained = new Set([...draft.gained, ...gained]);
  for (const id of order) draft.steps.set(id, freshStep(id, leg));
  if (missing.length > 0) draft.problem = `this bot does not know the step ${missing.join(', ')} of ${draft.header?.run}`;
}

/** The ledger stays; what was asked, approved and found in an earlier try of the leg counts no more. */
export function beginLeg(draft: Draft, fact: Extract<Fact, { readonly type: 'leg.begun' }>): void {
  const { leg: name, by, reason, at } = fact;
  draft.before = { leg: draft.leg, promotionCalled: draft.promotionCalled, ended: draft.ended };
  draft.leg = { name, by, reason, at, writesWereOff: draft.writesOffSince !== undefined, reopened: draft.ended !== undefined };
  draft.promotionCalled = false;
  draft.dueAt = undefined;
  draft.ended = undefined;
  forgetQuestions(draft);
  takeOrder(draft, name, fact.steps);
  for (const id of fact.steps) {
    reset(draft, id);
    draft.records.delete(id);
  }
}

/** The run is what it was; its open step is looked at anew. */
export function abandonLeg(draft: Draft): void {
  if (!draft.before) return;
  const gone = new Set(draft.order.filter((id) => ofLeg(draft, id)));
  Object.assign(draft, draft.before);
  draft.before = undefined;
  forgetQuestions(draft);
  draft.order = draft.order.filter((id) => !gone.has(id));
}

function forgetQuestions(draft: Draft): void {
  draft.gate = undefined;
  draft.rechecked = undefined;
  draft.task = undefined;
  draft.blocked = undefined;
  draft.disconnect = undefined;
  draft.pause = undefined;
  draft.abort = undefined;
  draft.takingBack = undefined;
  draft.undoBegun = false;
  draft.givingBack = undefined;
}

/** As an abort that ends at one step. What a give-back of the writes could not take back still waits for people. */
export function takeCopyBack(draft: Draft, { to, by, reason, at }: Extract<Fact, { readonly type: 'copy.restart-requested' }>): void {
  draft.takingBack = { to, by, reason, at };
  draft.gate = undefined;
  draft.rechecked = undefined;
  draft.task = undefined;
  draft.disconnect = undefined;
  draft.pause = undefined;
  if (!draft.blocked?.undoing) draft.blocked = undefined;
}

/** From the step that it was taken back to the run goes on as if it came there for the first time; what prepared the copy looks again. */
export function copyAnew(draft: Draft): void {
  if (!draft.takingBack) return;
  const from = Math.max(0, draft.order.indexOf(draft.takingBack.to));
  draft.takingBack = undefined;
  draft.reached = Math.min(draft.reached, from - 1);
  for (const [index, id] of draft.order.entries()) {
    if (!ofLeg(draft, id)) continue;
    if (index < from && shapeOfStep(draft, id)?.copy !== 'prepares') continue;
    const attempts = draft.steps.get(id)?.attempts ?? 0;
    reset(draft, id);
    // What it did before stays done, so that an abort has to undo it.
    if (index < from) touch(draft, id).attempts = attempts;
  }
}

/** Is it a step of the leg that the run is on? */
function ofLeg(draft: Draft, id: string): boolean {
  return draft.steps.get(id)?.leg === draft.leg.name;
}

/**
 * A rollback ends by taking back what the upgrade did to the old instance: by the upgrade's own undo functions, once
 * the services write there again.
 */
export function takeUpgradeBack(draft: Draft): void {
  if (draft.leg.name !== 'rollback' || draft.undoBegun) return;
  const open = draft.order.some((id) => ofLeg(draft, id) && !['done', 'skipped'].includes(draft.steps.get(id)?.status ?? ''));
  if (!open) draft.undoBegun = true;
}

function freshStep(id: string, leg: Leg): StepState {
  return { id, leg, status: 'pending', attempts: 0, startedAt: undefined, endedAt: undefined, evidence: undefined, changed: false };
}

/** The step, touched: the run came at least as far as this. */
export function touch(draft: Draft, id: string): Mutable<StepState> {
  const known = draft.steps.get(id);
  draft.reached = Math.max(draft.reached, draft.order.indexOf(id));
  if (known) return known;
  const step = freshStep(id, draft.leg.name);
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
  draft.steps.set(id, freshStep(id, draft.steps.get(id)?.leg ?? draft.leg.name));
  for (const gate of [id, `undo:${id}`]) {
    draft.approved.delete(gate);
    draft.rejected.delete(gate);
  }
  draft.answers.delete(id);
}

/** Every result from the write stop's gate on is void for the next try. */
export function voidCutover(draft: Draft): void {
  const order = draft.order.filter((id) => ofLeg(draft, id));
  const first = order.findIndex((id) => shapeOfStep(draft, id)?.writeStop !== undefined);
  if (first >= 0) for (const id of order.slice(first)) reset(draft, id);
}

/** The step at which a new cutover starts. */
export function cutoverStep(draft: Draft): string {
  const order = draft.order.filter((id) => ofLeg(draft, id));
  return order.find((id) => shapeOfStep(draft, id)?.writeStop !== undefined) ?? order[0] ?? '';
}

/** Writes flow again when the last step after the leg's point of no return is done (or people decided to go on without it). */
export function endWriteStop(draft: Draft, at: number): void {
  if (draft.writesOffSince === undefined || !draft.promotionCalled) return;
  const open = draft.shape.some(({ id, leg, writeStop }) => {
    const status = draft.steps.get(id)?.status;
    return (
      leg === draft.leg.name && (writeStop === 'promotion' || writeStop === 'after-promotion') && status !== 'done' && status !== 'skipped'
    );
  });
  if (!open) closeWriteStop(draft, at, draft.leg.name === 'rollback' ? 'rolled-back' : 'switched');
}

export function closeWriteStop(draft: Draft, at: number, end: WriteStop['end']): void {
  draft.writeStops.push({ from: draft.writesOffSince ?? at, to: at, end, spans: draft.spans });
  draft.writesOffSince = undefined;
  draft.spans = [];
}
