/** What was done behind the bot's back, and what came of it. */
export interface Injected {
  readonly table: string;
  readonly key: string;
  readonly column: string;
  readonly source: string;
  readonly destination: string;
  /** The lines of the channel's message that show the row; empty: it was never shown. */
  readonly shown: readonly string[];
  /** The channel said that writes are on again before anything was promoted. */
  readonly givenBack: boolean;
  readonly repaired: boolean;
}

/** What of the bot's report tells whether the difference stopped the cutover. */
interface Told {
  readonly outages: readonly { readonly from: number; readonly to: number; readonly end: string }[];
  readonly troubles: readonly { readonly code: string }[];
}

/** The validation stopped the cutover because of it, the writes were given back before anything was promoted, and people saw the row. */
export function isCaught(injected: Injected | undefined, report: Told | undefined): boolean {
  return (
    injected !== undefined &&
    injected.shown.length > 0 &&
    injected.givenBack &&
    report?.outages[0]?.end === 'given-back' &&
    report.troubles.some(({ code }) => code === 'validation.differs')
  );
}

/** One line for the end of the demo. */
export function whatCameOfIt(injected: Injected | undefined, report: Told | undefined): string {
  if (!injected) return '❌ no row was changed: the cutover was never asked about';
  const what = `${injected.table} ${injected.key}, ${injected.column} ${injected.source} → ${injected.destination}`;
  const [stop] = report?.outages ?? [];
  if (!isCaught(injected, report))
    return `❌ the difference did not stop the cutover as it must: ${what}; given back: ${injected.givenBack ? 'yes' : 'no'}, shown: ${injected.shown.length > 0 ? 'yes' : 'no'}`;
  const off = (((stop?.to ?? 0) - (stop?.from ?? 0)) / 1_000).toFixed(1);
  return `✅ the difference was found before the promotion: ${what}; the channel showed the row, the writes were given back after ${off} s, and the second try went through`;
}
