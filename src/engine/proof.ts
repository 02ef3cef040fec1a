import type { ProofKept, RunHeader } from './facts.ts';
import type { RunState } from './state.ts';

/** A proof that was begun by a step: from then on it is kept until the promotion is called. */
export interface Begun {
  readonly header: RunHeader;
  /** When it was begun, in ms since the epoch. */
  readonly since: number;
  readonly prints: ProofKept['prints'];
  /** The latest of it in the log. */
  readonly kept: ProofKept | undefined;
}

/** The proof that is to be kept for the run now, or `undefined`. `step` records it under `proof` when it begins one. */
export function proofToKeep(state: RunState, step: string): Begun | undefined {
  const { header, leg } = state;
  const records = state.records.get(step);
  const begun = records?.get('proof') as { readonly since: number; readonly prints?: ProofKept['prints'] } | null | undefined;
  if (!header || !begun?.prints || leg.name !== 'upgrade' || state.promotionCalled || state.endedAt !== undefined) return undefined;
  if (state.abort || state.status === 'undoing' || state.steps.find(({ id }) => id === step)?.status !== 'done') return undefined;
  const kept = records?.get('kept') as ProofKept | undefined;
  const own = kept?.since === begun.since ? kept : undefined;
  if (own?.lost !== undefined) return undefined;
  return { header, since: begun.since, prints: own?.prints ?? begun.prints, kept: own };
}
