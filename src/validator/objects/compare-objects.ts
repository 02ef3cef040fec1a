import { both, type Pair } from '../pairs.ts';
import { patiently } from '../rows/patience.ts';
import { chosen } from '../rows/tables.ts';
import type { Session } from '../session.ts';
import type { CompareRequest, NotCompared, ObjectDifference } from '../types.ts';
import { canonical } from './canonical.ts';
import { functions, triggers, views } from './code.ts';
import { collations } from './collations.ts';
import { joined } from './join.ts';
import { type Item, type ListQuery, linesOf, type Versions } from './list.ts';
import { comments, database as databaseItself, extensions, publications, schemas, sequences } from './others.ts';
import { rest } from './rare.ts';
import { references } from './references.ts';
import { analyzed, columns, constraints, indexes, relations, rowSecurity, statistics } from './relations.ts';
import { defaultPrivileges, grants, owners, ownersRights } from './rights.ts';
import { sequenceValues } from './sequence-values.ts';
import { types } from './types.ts';

const everything: readonly ListQuery[] = [
  schemas,
  relations,
  columns,
  indexes,
  constraints,
  statistics,
  analyzed,
  rowSecurity,
  views,
  functions,
  triggers,
  references,
  types,
  extensions,
  sequences,
  databaseItself,
  collations,
  publications,
  owners,
  grants,
  ownersRights,
  defaultPrivileges,
  comments,
  rest,
];
const limitMs = 300_000;

/** Everything but rows: one list of `kind, object, text` for each side, joined. With `parts: 'rows'` only tables that one side lacks. */
export async function compareObjects(
  request: CompareRequest,
  database: string,
  pair: Pair,
): Promise<{ readonly differences: readonly ObjectDifference[]; readonly notCompared: readonly NotCompared[] }> {
  const queries = request.parts === 'rows' ? [relations] : everything;
  const versions = [pair.source.version, pair.destination.version];
  const span = { lowest: Math.min(...versions), highest: Math.max(...versions) };
  const lists = await both(pair, (session) => listOf(session, queries, { ...span, own: session.version }, request));
  const differences = joined(lists.source, lists.destination)
    .filter(
      (difference) =>
        request.parts !== 'rows' || (difference.kind === 'table' && (difference.source === null || difference.destination === null)),
    )
    .map((difference) => ({ database, ...difference }));
  if (!request.sequences || request.parts === 'rows') return { differences, notCompared: [] };
  const sequenceStates = await sequenceValues(request, database, pair);
  return { differences: [...differences, ...sequenceStates.differences], notCompared: sequenceStates.notCompared };
}

async function listOf(session: Session, queries: readonly ListQuery[], versions: Versions, request: CompareRequest): Promise<Item[]> {
  await session.limit(limitMs);
  const names = await session.texts('select nspname::text from pg_namespace');
  const spelling = {
    straddles16: versions.lowest < 16 && versions.highest >= 16,
    schemas: new Set(names.flatMap(([name]) => (name ? [name] : []))),
  };
  await session.query('set quote_all_identifiers = on');
  const items: Item[] = [];
  for (const query of queries) {
    const sql = typeof query === 'string' ? query : query(versions);
    for (const item of canonical(await patiently(() => linesOf(session, sql, request.ignoredGrantees ?? [])), spelling))
      if (inScope(request, item)) items.push(item);
  }
  await session.query('set quote_all_identifiers = off');
  return items;
}

function inScope(request: CompareRequest, item: Item): boolean {
  if (request.tables) return item.schema !== null && item.relation !== null && chosen(request, item.schema, item.relation);
  return !request.schemas || (item.schema !== null && request.schemas.includes(item.schema));
}
