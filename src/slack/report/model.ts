import type { Fact } from '../../engine/facts.ts';
import type { RunState } from '../../engine/state.ts';
import { type Compared, comparisonsOf } from '../render/comparisons.ts';
import { gateTitle, type RunViewData, runId, runName, titleOf } from '../render/face.ts';
import { phasesOf } from '../render/status.ts';
import { chainOf, type Link } from './chain.ts';
import { type Deviation, deviationsOf, leftOverOf } from './deviations.ts';
import { type LagPoint, lagOf, type Outage, outagesOf, type Prediction, predictionsOf, type Restart, restartsOf } from './figures.ts';
import { type Happening, timelineOf } from './timeline.ts';
import { waited, waitsOf } from './waits.ts';

/** A run as it is told when it is over: what the last message and the report's files are made from. Milliseconds, and since the epoch. */
export interface Report {
  readonly run: string;
  readonly name: string;
  readonly source: string;
  readonly destination: string;
  readonly by: string;
  readonly ended: 'finished' | 'aborted' | 'rolled-back' | 'retired' | 'running';
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  /** How long it waited for people. */
  readonly waitedMs: number;
  /** Write stops; `restarts` are what was felt beside them. */
  readonly outages: readonly Outage[];
  readonly restarts: readonly Restart[];
  readonly predictions: readonly Prediction[];
  readonly comparisons: readonly Compared[];
  readonly approvals: readonly Approval[];
  readonly troubles: readonly { readonly step: string; readonly code: string; readonly reason: string; readonly at: number }[];
  readonly deviations: readonly Deviation[];
  readonly leftOver: readonly string[];
  readonly phases: readonly PhaseTime[];
  readonly steps: readonly StepLine[];
  readonly lag: readonly LagPoint[];
  readonly timeline: readonly Happening[];
  readonly chain: readonly Link[];
  /** The hash of the last fact, which stands for all of them. */
  readonly seal: string;
}
export interface Approval {
  readonly gate: string;
  readonly askedAt: number;
  readonly question: string;
  readonly decision: 'approved' | 'rejected' | 'expired' | 'void';
  readonly by: readonly string[];
  readonly at: number | undefined;
  readonly reason: string | undefined;
  /** What was approved, word for word, and its hash. */
  readonly plan: readonly string[];
  readonly planHash: string;
  readonly shown: readonly string[];
}
export interface PhaseTime {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly waitedMs: number;
}
export interface StepLine {
  readonly id: string;
  readonly phase: string;
  readonly title: string;
  readonly status: string;
  readonly attempts: number;
  readonly startedAt: number | undefined;
  readonly tookMs: number | undefined;
  readonly evidence: string;
}

function isEnd(status: RunState['status']): status is Exclude<Report['ended'], 'running'> {
  return status === 'finished' || status === 'aborted' || status === 'rolled-back' || status === 'retired';
}

/** A projection of the log like the board; may be asked for while the run goes on. Of the same log it is always the same. */
export function reportOf(view: RunViewData): Report {
  const { state, facts, shape, face } = view;
  const end = state.endedAt ?? facts.at(-1)?.at ?? 0;
  const waits = waitsOf(facts, end);
  const chain = chainOf(facts);
  const startedAt = facts[0]?.at ?? 0;
  return {
    run: runId(state),
    name: runName(state),
    source: face.source,
    destination: face.destination,
    by: state.header?.by ?? 'bot',
    ended: isEnd(state.status) ? state.status : 'running',
    startedAt,
    endedAt: state.endedAt,
    waitedMs: waited(waits, startedAt, end),
    outages: outagesOf(view),
    restarts: restartsOf(view),
    predictions: predictionsOf(view),
    comparisons: comparisonsOf(state, shape),
    approvals: facts.flatMap((fact, at) =>
      // Looked at again and found the same, it is the same question.
      fact.type === 'gate.asked' && !facts.slice(at + 1).some((one) => one.type === 'gate.asked' && one.nonce === fact.nonce)
        ? [approvalOf(fact, view)]
        : [],
    ),
    troubles: facts.flatMap((fact) =>
      fact.type === 'step.blocked' ? [{ step: titleOf(shape, fact.step), code: fact.code, reason: fact.reason, at: fact.at }] : [],
    ),
    deviations: deviationsOf(view),
    leftOver: leftOverOf(view),
    phases: phasesOf(view).flatMap(({ name, steps }): readonly PhaseTime[] => {
      const times = steps.flatMap((step) => [step.startedAt ?? [], step.endedAt ?? []].flat());
      const [from, to] = [Math.min(...times), Math.max(...times)];
      return times.length ? [{ name, from, to, waitedMs: waited(waits, from, to) }] : [];
    }),
    steps: state.steps.map((step) => ({
      id: step.id,
      phase: shape.find((one) => one.id === step.id)?.phase ?? '',
      title: titleOf(shape, step.id),
      status: step.status,
      attempts: step.attempts,
      startedAt: step.startedAt,
      tookMs: step.startedAt === undefined || step.endedAt === undefined ? undefined : step.endedAt - step.startedAt,
      evidence: step.evidence ?? '',
    })),
    lag: lagOf(facts),
    timeline: timelineOf(view),
    chain,
    seal: chain.at(-1)?.hash ?? '',
  };
}

function approvalOf(asked: Extract<Fact, { readonly type: 'gate.asked' }>, { facts, shape }: RunViewData): Approval {
  const later = facts.filter((fact) => 'nonce' in fact && fact.nonce === asked.nonce);
  const decided = later.find((fact) => fact.type === 'gate.decided');
  const expired = later.find((fact) => fact.type === 'gate.expired');
  return {
    gate: gateTitle(shape, asked.gate),
    askedAt: asked.at,
    question: asked.question,
    decision: decided?.type === 'gate.decided' ? decided.decision : expired ? 'expired' : 'void',
    by: decided?.type === 'gate.decided' ? decided.by : [],
    at: decided?.at ?? expired?.at,
    reason: decided?.type === 'gate.decided' ? decided.reason : undefined,
    plan: asked.plan,
    planHash: asked.planHash,
    shown: asked.shown,
  };
}
