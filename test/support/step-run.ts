import type { RunView } from '../../src/engine/step.ts';

export interface RecordingRun extends RunView {
  /** The ledger as it is now: step → key → value. */
  readonly ledger: Map<string, Map<string, unknown>>;
  readonly progressed: string[];
}

/** A run as one step sees it, its ledger in memory; `as` gives the same run to another step. */
export function recordingRun(
  step: string,
  request: {
    readonly uid: string;
    readonly service?: string;
    readonly environment?: string;
    readonly from?: number;
    readonly to?: number;
    readonly signal?: AbortSignal;
  },
  ledger: RecordingRun['ledger'] = new Map(),
): RecordingRun {
  const progressed: string[] = [];
  return {
    run: 'PG-1',
    uid: request.uid,
    service: request.service ?? 'inapp',
    environment: request.environment ?? 'staging',
    leg: 'upgrade',
    from: request.from ?? 15,
    to: request.to ?? 17,
    signal: request.signal ?? new AbortController().signal,
    ledger,
    progressed,
    answer: undefined,
    deadlineAt: undefined,
    async record(key, value) {
      const entries = ledger.get(step) ?? new Map<string, unknown>();
      // As in the log: what is recorded is JSON.
      entries.set(key, JSON.parse(JSON.stringify(value)));
      ledger.set(step, entries);
    },
    recall<T>(key: string, of: string = step) {
      return ledger.get(of)?.get(key) as T | undefined;
    },
    progress: ({ text }) => void progressed.push(text),
    spend: (_cause, work) => work(),
    claimPromotion: async () => true,
    promotionRefused: async () => undefined,
  };
}
