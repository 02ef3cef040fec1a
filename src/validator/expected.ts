import type { Expectation, ObjectDifference } from './types.ts';

type ExpectedDifference = ObjectDifference & { readonly reason: string };

/** Major versions of the two servers. */
export interface ServerVersions {
  readonly source: number;
  readonly destination: number;
}

/** Parts the differences that the run or the version intends from the others. All given fields of an expectation must match. */
export function waveThrough(
  differences: readonly ObjectDifference[],
  expectations: readonly Expectation[],
  versions: ServerVersions,
): { readonly objects: ObjectDifference[]; readonly expected: ExpectedDifference[] } {
  const objects: ObjectDifference[] = [];
  const expected: ExpectedDifference[] = [];
  for (const difference of differences) {
    const reason = ofItself(difference, versions) ?? expectations.find((expectation) => matches(expectation, difference))?.reason;
    if (reason === undefined) objects.push(difference);
    else expected.push({ ...difference, reason });
  }
  return { objects, expected };
}

function matches(expectation: Expectation, difference: ObjectDifference): boolean {
  return expectation.kind === difference.kind && (expectation.object === undefined || expectation.object === difference.object);
}

/** What a newer server brings with it. Each rule takes one direction only: the other one is somebody's doing. */
function ofItself({ kind, object, source, destination }: ObjectDifference, versions: ServerVersions): string | undefined {
  const across15 = versions.source < 15 && versions.destination >= 15;
  switch (kind) {
    case 'extension-version':
      if (source === null || destination === null || !newer(destination, source)) return undefined;
      return 'A newer server comes with newer extensions.';
    case 'grant':
      if (!across15 || object !== 'schema public to PUBLIC' || source !== 'CREATE, USAGE' || destination !== 'USAGE') return undefined;
      return 'Since 15 not everybody may create objects in the schema public.';
    case 'owner':
      if (!across15 || object !== 'schema public' || destination !== 'pg_database_owner') return undefined;
      return 'Since 15 the schema public belongs to the owner of the database.';
    case 'analyze':
      if (source === null) return 'The source has no statistics of this table.';
      return 'Statistics are not copied: ANALYZE the table before applications use it.';
    case 'collation-library':
      return 'Each server sorts by its own library, with which its indexes were built.';
    case 'collation-version':
      return destination === null ? 'The destination sorts by its own library, with which its indexes were built.' : undefined;
    default:
      return undefined;
  }
}

/** Dotted numbers; what follows them is compared as text. */
export function newer(version: string, than: string): boolean {
  return version.localeCompare(than, 'en', { numeric: true }) > 0;
}
