import type { PackageProgress } from './servers/packages.ts';

const width = 20;
const everyMs = 500;

/** One line every half second while packages are fetched; nothing when they are in the cache. */
export function packageBar(print: (line: string) => void): (progress: PackageProgress) => void {
  let last = 0;
  return ({ phase, doneBytes, totalBytes }) => {
    if (phase === 'ready' || Date.now() - last < everyMs) return;
    last = Date.now();
    const share = totalBytes > 0 ? doneBytes / totalBytes : 0;
    const bar = '█'.repeat(Math.round(share * width)).padEnd(width, '░');
    const amount = totalBytes > 0 ? `${Math.round(doneBytes / 1e6)}/${Math.round(totalBytes / 1e6)} MB ` : '';
    print(` [1/3] ${phase === 'unpack' ? 'unpack' : 'fetch'} servers ${amount}${bar}`);
  };
}
