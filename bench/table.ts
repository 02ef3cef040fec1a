export interface Measured {
  readonly name: string;
  readonly round: number;
  /** Of one side. */
  readonly rows: number;
  readonly bytes: number;
  readonly wallSeconds: number;
  /** Of both servers. */
  readonly serverCpuSeconds: number;
  readonly ownCpuSeconds: number;
}

/** Medians of the rounds, one line a contestant; ratios to the first. */
export function tableOf(measured: readonly Measured[]): string {
  const names = [...new Set(measured.map((each) => each.name))];
  const median = (name: string, of: (each: Measured) => number): number => {
    const values = measured
      .filter((each) => each.name === name)
      .map(of)
      .sort((a, b) => a - b);
    return values[Math.floor(values.length / 2)] ?? Number.NaN;
  };
  const [base] = names;
  const head = ['', 'server CPU s', 'own CPU s', 'wall s', 'M rows/s', 'MB/s a side', 'CPU ratio', 'wall ratio'];
  const body = names.map((name) => {
    const cpu = median(name, (each) => each.serverCpuSeconds);
    const wall = median(name, (each) => each.wallSeconds);
    const ratio = (value: number, of: (each: Measured) => number) => `${(value / median(base ?? name, of)).toFixed(1)}x`;
    return [
      name,
      cpu.toFixed(2),
      median(name, (each) => each.ownCpuSeconds).toFixed(2),
      wall.toFixed(2),
      (median(name, (each) => each.rows / each.wallSeconds) / 1e6).toFixed(2),
      (median(name, (each) => each.bytes / each.wallSeconds) / 1e6).toFixed(0),
      ratio(cpu, (each) => each.serverCpuSeconds),
      ratio(wall, (each) => each.wallSeconds),
    ];
  });
  const widths = head.map((_, i) => Math.max(...[head, ...body].map((line) => line[i]?.length ?? 0)));
  return [head, ...body]
    .map((line) => line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '))
    .join('\n');
}
