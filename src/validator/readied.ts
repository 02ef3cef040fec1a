import { waveThrough } from './expected.ts';
import { type CatalogueVersions, catalogueVersions } from './objects/catalogues.ts';
import { compareObjects } from './objects/compare-objects.ts';
import type { Pair } from './pairs.ts';
import type { CompareRequest, ObjectDifference } from './types.ts';

/** How the objects of a database compared, and what its catalogues were then. */
interface Compared {
  readonly at: CatalogueVersions;
  readonly ignoredGrantees: string;
  readonly differences: readonly ObjectDifference[];
}

/**
 * Compares the objects ahead of the write stop. In it, the same comparison stands while the catalogues of both servers hold the same row
 * versions, and nothing that somebody has to look at differed: looking at them takes a moment, printing every definition takes as long as
 * there are objects.
 */
export function readiedObjects() {
  const known = new Map<string, Compared>();
  return {
    async ready(request: CompareRequest, database: string, pair: Pair): Promise<void> {
      known.delete(database);
      const at = await catalogueVersions(pair);
      const differences = await compareObjects(request, database, pair);
      known.set(database, { at, ignoredGrantees: grantees(request), differences });
    },
    async compare(request: CompareRequest, database: string, pair: Pair): Promise<readonly ObjectDifference[]> {
      const before = known.get(database);
      known.delete(database);
      if (before && stands(before, request, pair)) {
        const now = await catalogueVersions(pair);
        if (now.source === before.at.source && now.destination === before.at.destination) return before.differences;
      }
      return compareObjects(request, database, pair);
    },
  };
}

function stands({ ignoredGrantees, differences }: Compared, request: CompareRequest, pair: Pair): boolean {
  if (request.schemas || request.tables || (request.parts ?? 'everything') === 'rows') return false;
  const versions = { source: pair.source.version, destination: pair.destination.version };
  return ignoredGrantees === grantees(request) && waveThrough(differences, request.expected, versions).objects.length === 0;
}

function grantees({ ignoredGrantees = [] }: CompareRequest): string {
  return JSON.stringify([...ignoredGrantees].sort());
}
