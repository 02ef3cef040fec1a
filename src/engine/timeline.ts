/**
 * What a stretch of the write stop was spent on. A step names what it waits for (`run.spend`); whatever no step names
 * is the bot's own: engine, queue, looks.
 */
export type Cause = 'pods' | 'fence' | 'drain' | 'sequences' | 'validation' | 'google' | 'ownership' | 'way-back';

/** Times in milliseconds since the epoch. */
export interface Span {
  readonly cause: Cause;
  readonly from: number;
  readonly to: number;
}
export interface Stretch {
  readonly cause: Cause | 'bot';
  readonly from: number;
  readonly to: number;
}

/** Where two things went on side by side, the one that stands first here is what was waited for. */
const order: readonly Cause[] = ['google', 'validation', 'drain', 'fence', 'pods', 'way-back', 'ownership', 'sequences'];

/** Cuts the time into stretches without gap or overlap, each with its cause. */
export function timelineOf({
  from,
  to,
  spans,
}: {
  readonly from: number;
  readonly to: number;
  readonly spans: readonly Span[];
}): Stretch[] {
  const inside = spans.filter((span) => span.to > from && span.from < to);
  const edges = [from, to, ...inside.flatMap((span) => [Math.max(from, span.from), Math.min(to, span.to)])];
  const cuts = [...new Set(edges)].sort((a, b) => a - b);
  const stretches: Stretch[] = [];
  for (const [index, end] of cuts.entries()) {
    const begin = cuts[index - 1];
    if (begin === undefined) continue;
    const cause = order.find((one) => inside.some((span) => span.cause === one && span.from <= begin && span.to >= end)) ?? 'bot';
    const last = stretches.at(-1);
    if (last?.cause === cause) stretches[stretches.length - 1] = { ...last, to: end };
    else stretches.push({ cause, from: begin, to: end });
  }
  return stretches;
}

/** Milliseconds by cause, the longest first. Together they are the whole time. */
export function partsOf(timeline: readonly Stretch[]): readonly { readonly cause: Stretch['cause']; readonly ms: number }[] {
  const sums = new Map<Stretch['cause'], number>();
  for (const { cause, from, to } of timeline) sums.set(cause, (sums.get(cause) ?? 0) + to - from);
  return [...sums].map(([cause, ms]) => ({ cause, ms })).sort((a, b) => b.ms - a.ms);
}
