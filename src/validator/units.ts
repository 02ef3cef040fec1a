/** `4,200,000` */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}

/** `1 row`, `4,200,000 rows` */
export function many(n: number, one: string, more = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : more}`;
}

/** `2.38 GB`, decimal units. */
export function size(bytes: number): string {
  for (const [unit, of] of [
    ['TB', 1e12],
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const)
    if (bytes >= of) return `${(bytes / of).toFixed(bytes / of < 10 ? 2 : bytes / of < 100 ? 1 : 0)} ${unit}`;
  return `${Math.round(bytes)} B`;
}

/** `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min` */
export function duration(ms: number): string {
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}
