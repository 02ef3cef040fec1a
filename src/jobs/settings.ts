/** Times of the job machinery, in ms. Tests shorten them. */
export interface Timing {
  /** BullMQ's lock on a job; a killed worker's job is taken up after it at the latest. */
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  /** The lease on a run. Shorter than the lock, so that it is free when the job comes back. */
  readonly leaseMs: number;
  /** The lease of a give-back: so short that another process follows a killed one at once. */
  readonly giveBackLeaseMs: number;
  readonly reconcileMs: number;
  /** How often an execution re-reads its run for pause, abort and give-back, beside pub/sub. */
  readonly pollMs: number;
  readonly gateExpiresMs: number;
  /** Transient failures in a row until a human is asked. */
  readonly attempts: number;
  /** First pause between them; doubled each time, up to `backoffMaxMs`, with jitter. */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  readonly lookTimeoutMs: number;
  /** Between two looks at an armed way back: while the run works, and once it has ended. */
  readonly tendMs: number;
  readonly tendEndedMs: number;
  /** Between two rounds of a proof that is kept while changes flow, and between two words about it. */
  readonly proveMs: number;
  readonly proofLookMs: number;
}

export const defaultTiming: Timing = {
  lockDurationMs: 5_000,
  stalledIntervalMs: 1_000,
  leaseMs: 4_000,
  giveBackLeaseMs: 400,
  reconcileMs: 2_000,
  pollMs: 1_000,
  gateExpiresMs: 30 * 60_000,
  attempts: 8,
  backoffMs: 500,
  backoffMaxMs: 30_000,
  lookTimeoutMs: 120_000,
  tendMs: 5_000,
  tendEndedMs: 30_000,
  proveMs: 500,
  proofLookMs: 5_000,
};

/** Between half and the whole of the doubled pause; what the other side asked for is kept. */
export function backoff(timing: Timing, failures: number, retryAfterMs: number | undefined, random: () => number): number {
  const full = Math.min(timing.backoffMs * 2 ** Math.max(0, failures - 1), timing.backoffMaxMs);
  return Math.max(retryAfterMs ?? 0, Math.round(full * (0.5 + random() / 2)));
}

/** What the machinery has to tell its operators; never secrets. */
export type JobsEvent =
  | { readonly kind: 'error'; readonly where: string; readonly error: unknown }
  /** A run's owed job was missing at two reconciliations in a row. */
  | { readonly kind: 'missing'; readonly run: string; readonly job: string };
export type Report = (event: JobsEvent) => void;
