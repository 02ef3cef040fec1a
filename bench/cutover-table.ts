export interface CutoverRound {
  readonly round: number;
  /** A transaction that nobody ends was open when the write stop began. */
  readonly long: boolean;
  /** The last write acknowledged by the old server to the first one by the new, of any pod of the service. */
  readonly outageMs: number;
  readonly parts: readonly { readonly cause: string; readonly ms: number }[];
  /** What the step that compared says of it. */
  readonly validation: string;
  /** Acknowledged in the three seconds before the outage, per second. */
  readonly writesPerSecond: number;
  readonly acknowledged: number;
  readonly lost: number;
  readonly doubled: number;
  readonly p99Ms: number;
  /** Of the machine at the end: what else it had to do. */
  readonly load: number;
}
const causes = ['bot', 'pods', 'fence', 'drain', 'sequences', 'validation', 'google', 'ownership', 'way-back'] as const;

/** One line a round and the medians, in ms, as Markdown: the same table stands in the README. */
export function cutoverTable(rounds: readonly CutoverRound[]): string {
  const head = ['round', 'writes/s', 'outage', ...causes, 'lost', 'doubled', 'p99', 'load'];
  const of = (round: CutoverRound, cause: string) => round.parts.find((part) => part.cause === cause)?.ms ?? 0;
  const lines = rounds.map((one) => [
    `${one.round}${one.long ? ' (long transaction)' : ''}`,
    ...[one.writesPerSecond, one.outageMs, ...causes.map((cause) => of(one, cause)), one.lost, one.doubled, one.p99Ms].map(String),
    one.load.toFixed(1),
  ]);
  const medians = [
    '**median**',
    ...[
      median(rounds.map((one) => one.writesPerSecond)),
      median(rounds.map((one) => one.outageMs)),
      ...causes.map((cause) => median(rounds.map((one) => of(one, cause)))),
      rounds.reduce((sum, one) => sum + one.lost, 0),
      rounds.reduce((sum, one) => sum + one.doubled, 0),
      median(rounds.map((one) => one.p99Ms)),
    ].map(String),
    '',
  ];
  return [head, head.map(() => '---'), ...lines, medians].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
