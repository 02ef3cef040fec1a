import { both, type Pair } from '../pairs.ts';
import { chosen } from '../rows/tables.ts';
import type { Session } from '../session.ts';
import type { CompareRequest, ObjectDifference } from '../types.ts';
import { canonical, unquoted } from './canonical.ts';
import { functions, triggers, views } from './code.ts';
import { joined } from './join.ts';
import { type Item, type ListQuery, linesOf } from './list.ts';
import { comments, database as databaseItself, extensions, rest, schemas, sequences } from './others.ts';
import { columns, constraints, indexes, relations, rowSecurity, statistics } from './relations.ts';
import { defaultPrivileges, grants, owners } from './rights.ts';
import { sequenceValues } from './sequence-values.ts';
import { types } from './types.ts';

const everything: readonly ListQuery[] = [
  schemas,
  relations,
  columns,
  indexes,
  constraints,
  statistics,
  rowSecurity,
  views,
  functions,
  triggers,
  types,
  extensions,
  sequences,
  databaseItself,
  owners,
  grants,
  defaultPrivileges,
  comments,
  rest,
];
const limitMs = 300_000;

/** Everything but rows: one list of `kind, object, text` for each side, joined. With `parts: 'rows'` only tables that one side lacks. */
export async function compareObjects(request: CompareRequest, database: string, pair: Pair): Promise<ObjectDifference[]> {
  const straddles =
    Math.min(pair.source.version, pair.destination.version) < 16 && Math.max(pair.source.version, pair.destination.version) >= 16;
  const queries = request.parts === 'rows' ? [relations] : everything;
  const lists = await both(pair, (session) => listOf(session, queries, straddles, request));
  const differences = joined(lists.source, lists.destination)
    .filter(
      (difference) =>
        request.parts !== 'rows' || (difference.kind === 'table' && (difference.source === null || difference.destination === null)),
    )
    .map((difference) => ({
      database,
      kind: difference.kind,
      object: difference.object,
      source: difference.source === null ? null : unquoted(difference.source),
      destination: difference.destination === null ? null : unquoted(difference.destination),
    }));
  if (!request.sequences || request.parts === 'rows') return differences;
  return [...differences, ...(await sequenceValues(request, database, pair))];
}

async function listOf(session: Session, queries: readonly ListQuery[], straddles: boolean, request: CompareRequest): Promise<Item[]> {
  await session.limit(limitMs);
  await session.query('set quote_all_identifiers = on');
  const items: Item[] = [];
  for (const query of queries)
    for (const item of canonical(await linesOf(session, query, request.ignoredGrantees ?? []), straddles))
      if (inScope(request, item)) items.push(item);
  await session.query('set quote_all_identifiers = off');
  return items;
}

function inScope(request: CompareRequest, item: Item): boolean {
  if (request.tables) return item.schema !== null && item.relation !== null && chosen(request, item.schema, item.relation);
  return !request.schemas || (item.schema !== null && request.schemas.includes(item.schema));
}
