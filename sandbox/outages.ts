import type { Ledger } from './pods/ledger.ts';

/** A time in which no pod of the service got a write acknowledged, as the pods saw it. */
export interface SeenOutage {
  readonly kind: 'restart' | 'cutover' | 'rollback' | 'pause';
  readonly from: number;
  readonly to: number;
}
/** Shorter pauses are a busy machine's; restart and cutover are told however short they are. */
export const leastPauseMs = 400;

/** In order of time. `restartedAt`: when the old server's postmaster began, ms since the epoch. */
export function outagesSeen(
  ledger: Ledger,
  of: (pod: string) => boolean,
  old: { readonly host: string; readonly restartedAt: number },
): readonly SeenOutage[] {
  return ledger
    .outages(1, of)
    .map(({ from, to, before, after }): SeenOutage => {
      if (before !== after) return { kind: after === old.host ? 'rollback' : 'cutover', from, to };
      return { kind: old.restartedAt >= from && old.restartedAt <= to ? 'restart' : 'pause', from, to };
    })
    .filter(({ kind, from, to }) => kind !== 'pause' || to - from >= leastPauseMs);
}
