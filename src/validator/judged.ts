import type { VerdictRecord } from './verdict-report.ts';

const judged = new WeakMap<AbortSignal, VerdictRecord>();

/**
 * A verdict with differences counts for the look that follows its own comparison, once: the next execution (a Retry)
 * compares anew instead of finding the old verdict. The execution's signal tells one from the other.
 */
export function judge(execution: AbortSignal, record: VerdictRecord): void {
  judged.set(execution, record);
}
export function takeJudged(execution: AbortSignal): VerdictRecord | undefined {
  const record = judged.get(execution);
  judged.delete(execution);
  return record;
}
