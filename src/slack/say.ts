/** When a person is told how far something is, in ms after it began; then every `laterMs`. Slack cannot edit what one person alone sees. */
const moments: readonly number[] = [10_000, 60_000, 300_000];
const laterMs = 600_000;

/** Passes on the first words after each moment, so that nobody is flooded by what takes long. */
export function pacedSay(send: (text: string) => Promise<unknown>, now: () => number): (text: string) => void {
  const began = now();
  let told = 0;
  return (text) => {
    const next = moments[told] ?? laterMs * (told - moments.length + 1);
    if (now() - began < next) return;
    told += 1;
    send(text).catch(() => undefined);
  };
}
