export interface Measured {
  readonly name: string;
  readonly round: number;
  /** Of one side. */
  readonly rows: number;
  readonly bytes: number;
  readonly wallSeconds: number;
  /** Of both servers. */
  readonly serverCpuSeconds: number;
  /** Of the process that compares. */
  readonly ownCpuSeconds: number;
}
/** The medians of a contestant's rounds, and how they stand to the floor and to the peer. */
export interface Standing {
  readonly name: string;
  readonly serverCpuSeconds: number;
  readonly ownCpuSeconds: number;
  readonly wallSeconds: number;
  readonly rowsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly cpuToFloor: number;
  readonly cpuToPeer: number | undefined;
  readonly wallToPeer: number | undefined;
}

/**
 * `floor` and `peer` are names of contestants; the peer may be missing. A ratio is the median of the rounds' own: a machine that is
 * slower for some minutes is so for everybody in the same round.
 */
export function standings(measured: readonly Measured[], floor: string, peer: string): readonly Standing[] {
  const roundsOf = (name: string) => measured.filter((each) => each.name === name);
  const cpu = (each: Measured) => each.serverCpuSeconds;
  const wall = (each: Measured) => each.wallSeconds;
  const ratio = (name: string, to: string, of: (each: Measured) => number): number | undefined => {
    const ratios = roundsOf(name).flatMap((each) => {
      const other = roundsOf(to).find(({ round }) => round === each.round);
      return other ? [of(each) / of(other)] : [];
    });
    return ratios.length > 0 ? median(ratios) : undefined;
  };
  return [...new Set(measured.map((each) => each.name))].map((name) => {
    const of = (value: (each: Measured) => number) => median(roundsOf(name).map(value));
    return {
      name,
      serverCpuSeconds: of(cpu),
      ownCpuSeconds: of((each) => each.ownCpuSeconds),
      wallSeconds: of(wall),
      rowsPerSecond: of((each) => each.rows / each.wallSeconds),
      bytesPerSecond: of((each) => each.bytes / each.wallSeconds),
      cpuToFloor: ratio(name, floor, cpu) ?? Number.NaN,
      cpuToPeer: ratio(name, peer, cpu),
      wallToPeer: ratio(name, peer, wall),
    };
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/** A Markdown table, readable in a terminal, too. */
export function tableOf(all: readonly Standing[], floor: string, peer: string): string {
  const ratio = (value: number | undefined) => (value === undefined ? '' : value.toFixed(2));
  const head = ['', 'server CPU s', 'own CPU s', 'wall s', 'M rows/s', 'MB/s a side', `CPU ÷ ${floor}`, `CPU ÷ ${peer}`, `wall ÷ ${peer}`];
  const body = all.map((one) => [
    one.name,
    one.serverCpuSeconds.toFixed(2),
    one.ownCpuSeconds.toFixed(2),
    one.wallSeconds.toFixed(2),
    (one.rowsPerSecond / 1e6).toFixed(2),
    (one.bytesPerSecond / 1e6).toFixed(0),
    one.cpuToFloor.toFixed(1),
    ratio(one.cpuToPeer),
    ratio(one.wallToPeer),
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((line) => line[i]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...body.map(line)].join('\n');
}
