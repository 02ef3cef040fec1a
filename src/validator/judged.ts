import type { Exhibit } from './exhibits.ts';
import type { VerdictRecord } from './verdict-report.ts';

/** A verdict with differences, as people are shown it. */
export interface Judgement {
  readonly record: VerdictRecord;
  readonly exhibits: readonly Exhibit[];
  readonly csv: string;
}
const judged = new WeakMap<AbortSignal, Judgement>();

/**
 * A verdict with differences counts for the look that follows its own comparison, once: the next execution (a Retry)
 * compares anew instead of finding the old verdict. The execution's signal tells one from the other.
 */
export function judge(execution: AbortSignal, judgement: Judgement): void {
  judged.set(execution, judgement);
}
export function takeJudged(execution: AbortSignal): Judgement | undefined {
  const judgement = judged.get(execution);
  judged.delete(execution);
  return judgement;
}
