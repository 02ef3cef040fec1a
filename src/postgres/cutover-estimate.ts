/** What the prediction of the write stop is made from, in ms and bytes. */
export interface EstimateInput {
  /** Workloads that are stopped, and started again. */
  readonly stops: number;
  readonly databases: number;
  readonly lagBytes: number;
  /** Of the last live comparison. */
  readonly validationMs: number;
}
export interface Estimate {
  /** From the first stop until the promotion is called: what the deadline counts. */
  readonly untilCallMs: number;
  /** Until writes flow again, with Google's promotion. */
  readonly untilWritesMs: number;
  readonly parts: readonly string[];
}
/** Rough on purpose and on the careful side; the run's own figures replace them where there are any. */
const stopMs = 5_000;
const fenceMs = 2_000;
const drainMs = 1_000;
/** One apply worker keeps up with about 10 MB of WAL a second. */
const applyBytesPerMs = 10_000;
const sequencesMs = 500;
const promotionMs = 180_000;
const handOverMs = 2_000;
const startMs = 15_000;

/** Pure. The comparison dominates: the one in the write stop takes about as long as the live one. */
export function estimate({ stops, databases, lagBytes, validationMs }: EstimateInput): Estimate {
  const drain = drainMs + lagBytes / applyBytesPerMs;
  // The two groups stop one after the other, each in parallel.
  const stopping = stops === 0 ? 0 : Math.min(stops, 2) * stopMs;
  const untilCallMs = Math.round(stopping + fenceMs + drain + sequencesMs * databases + validationMs);
  const untilWritesMs = untilCallMs + promotionMs + handOverMs + startMs;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  return {
    untilCallMs,
    untilWritesMs,
    parts: [
      `stop ${seconds(stopping)}`,
      `fence ${seconds(fenceMs)}`,
      `drain ${seconds(drain)}`,
      `sequences ${seconds(sequencesMs * databases)}`,
      `validation ${seconds(validationMs)}`,
    ],
  };
}
