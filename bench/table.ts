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

/** `floor` and `peer` are names of contestants; the peer may be missing. */
export function standings(measured: readonly Measured[], floor: string, peer: string): readonly Standing[] {
  const median = (name: string, of: (each: Measured) => number): number => {
    const values = measured
      .filter((each) => each.name === name)
      .map(of)
      .sort((a, b) => a - b);
    const middle = values.slice(Math.ceil(values.length / 2) - 1, Math.floor(values.length / 2) + 1);
    return middle.reduce((sum, value) => sum + value, 0) / middle.length;
  };
  const cpu = (each: Measured) => each.serverCpuSeconds;
  const wall = (each: Measured) => each.wallSeconds;
  const there = measured.some((each) => each.name === peer);
  return [...new Set(measured.map((each) => each.name))].map((name) => ({
    name,
    serverCpuSeconds: median(name, cpu),
    ownCpuSeconds: median(name, (each) => each.ownCpuSeconds),
    wallSeconds: median(name, wall),
    rowsPerSecond: median(name, (each) => each.rows / each.wallSeconds),
    bytesPerSecond: median(name, (each) => each.bytes / each.wallSeconds),
    cpuToFloor: median(name, cpu) / median(floor, cpu),
    cpuToPeer: there ? median(name, cpu) / median(peer, cpu) : undefined,
    wallToPeer: there ? median(name, wall) / median(peer, wall) : undefined,
  }));
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
