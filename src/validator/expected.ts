import type { Expectation, ObjectDifference } from './types.ts';

export type ExpectedDifference = ObjectDifference & { readonly reason: string };

/** Parts the differences that the run intends from the others. All given fields of an expectation must match. */
export function waveThrough(
  differences: readonly ObjectDifference[],
  expectations: readonly Expectation[],
): { readonly objects: ObjectDifference[]; readonly expected: ExpectedDifference[] } {
  const objects: ObjectDifference[] = [];
  const expected: ExpectedDifference[] = [];
  for (const difference of differences) {
    const reason = ofItself(difference) ?? expectations.find((expectation) => matches(expectation, difference))?.reason;
    if (reason === undefined) objects.push(difference);
    else expected.push({ ...difference, reason });
  }
  return { objects, expected };
}

function matches(expectation: Expectation, difference: ObjectDifference): boolean {
  return expectation.kind === difference.kind && (expectation.object === undefined || expectation.object === difference.object);
}

/** A newer server comes with newer extensions; an older one on the destination is a difference. */
function ofItself(difference: ObjectDifference): string | undefined {
  if (difference.kind !== 'extension-version' || difference.source === null || difference.destination === null) return undefined;
  return newer(difference.destination, difference.source) ? 'A newer server comes with newer extensions.' : undefined;
}

/** Dotted numbers; what follows them is compared as text. */
export function newer(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) > 0;
}
