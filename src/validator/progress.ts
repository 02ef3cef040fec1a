import { count, duration, size } from './units.ts';

/** `41 % of 2.38 GB, 4,200,000 rows, 190 MB/s, 12 s left, now public.campaign` */
export function progressLine(
  done: { readonly bytes: number; readonly ofBytes: number; readonly rows: number; readonly table: string },
  elapsedMs: number,
): string {
  const fraction = done.ofBytes === 0 ? 1 : done.bytes / done.ofBytes;
  const left = fraction > 0 && fraction < 1 ? `, ${duration((elapsedMs / fraction) * (1 - fraction))} left` : '';
  const rate = elapsedMs > 0 ? `, ${size((done.bytes / elapsedMs) * 1_000)}/s` : '';
  return `${Math.floor(fraction * 100)} % of ${size(done.ofBytes)}, ${count(done.rows)} rows${rate}${left}, now ${done.table}`;
}
