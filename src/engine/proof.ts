import type { ProofKept, RunHeader } from './facts.ts';
import type { RunState } from './state.ts';
import type { Leg } from './step.ts';

/** The step of each leg that begins a proof, if it has one. */
export type BegunBy = Readonly<Partial<Record<Leg, string>>>;

/** A proof that was begun by a step: from then on it is kept until its leg's point of no return. */
export interface Begun {
  readonly header: RunHeader;
  readonly leg: Leg;
  readonly step: string;
  /** When it was begun, in ms since the epoch. */
  readonly since: number;
  readonly prints: ProofKept['prints'];
  /** The latest of it in the log. */
  readonly kept: ProofKept | undefined;
}

/** The proof that is to be kept for the run now, or `undefined`. Its step records it under `proof` when it begins one. */
export function proofToKeep(state: RunState, begunBy: BegunBy): Begun | undefined {
  const { header } = state;
  const leg = state.leg.name;
  const step = begunBy[leg];
  if (!header || step === undefined || state.promotionCalled || state.endedAt !== undefined) return undefined;
  if (state.abort || state.takingBack || state.status === 'undoing' || state.steps.find(({ id }) => id === step)?.status !== 'done')
    return undefined;
  const records = state.records.get(step);
  const begun = records?.get('proof') as { readonly since: number; readonly prints?: ProofKept['prints'] } | null | undefined;
  if (!begun?.prints) return undefined;
  const kept = records?.get('kept') as ProofKept | undefined;
  const own = kept?.since === begun.since ? kept : undefined;
  if (own?.lost !== undefined) return undefined;
  return { header, leg, step, since: begun.since, prints: own?.prints ?? begun.prints, kept: own };
}

/** As the runbook has them. */
export const provingSteps: BegunBy = { upgrade: 'validate-live', rollback: 'validate-live-rollback' };
