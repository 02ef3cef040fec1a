import { both, type Pair } from '../pairs.ts';
import { patiently } from '../rows/patience.ts';
import { chosen } from '../rows/tables.ts';
import type { Session } from '../session.ts';
import type { CompareRequest, ObjectDifference } from '../types.ts';
import { canonical, type Spelling } from './canonical.ts';
import { functions, triggers, views } from './code.ts';
import { collations } from './collations.ts';
import { joined, type Unequal, withoutBelongings } from './join.ts';
import { type Item, type ListQuery, linesOf, type Versions } from './list.ts';
import { comments, database as databaseItself, extensions, publications, schemas, sequences } from './others.ts';
import { rest } from './rare.ts';
import { references } from './references.ts';
import { analyzed, columns, constraints, indexes, relations, rowSecurity, statistics } from './relations.ts';
import { defaultPrivileges, grants, owners, ownersRights } from './rights.ts';
import { types } from './types.ts';

/** In groups of which both sides' lists are held at once: lists of the same kinds are in the same group. */
const everything: readonly (readonly ListQuery[])[] = [
  [schemas],
  [relations],
  [columns],
  [indexes],
  [constraints],
  [statistics],
  [analyzed],
  [rowSecurity, views, functions, triggers, references],
  [types],
  [extensions],
  [sequences],
  [databaseItself],
  [collations],
  [publications],
  [owners],
  [grants, ownersRights],
  [defaultPrivileges],
  [comments],
  [rest],
];
const limitMs = 300_000;

/** Everything but rows and sequences' values: lists of `kind, object, text` for each side, joined. With `parts: 'rows'` only tables that one side lacks. */
export async function compareObjects(request: CompareRequest, database: string, pair: Pair): Promise<readonly ObjectDifference[]> {
  const rowsOnly = request.parts === 'rows';
  const versions = [pair.source.version, pair.destination.version];
  const span = { lowest: Math.min(...versions), highest: Math.max(...versions) };
  const spellings = await both(pair, (session) => prepared(session, span));
  const unequal: Unequal[] = [];
  for (const queries of rowsOnly ? [[relations]] : everything) {
    const lists = await both(pair, (session, side) =>
      listOf(session, queries, { ...span, own: session.version }, spellings[side], request),
    );
    for (const each of joined(lists.source, lists.destination)) unequal.push(each);
  }
  await both(pair, (session) => session.query('set quote_all_identifiers = off'));
  return withoutBelongings(unequal)
    .filter(({ kind, source, destination }) => !rowsOnly || (kind === 'table' && (source === null || destination === null)))
    .map((difference) => ({ database, ...difference }));
}

async function prepared(session: Session, { lowest, highest }: Omit<Versions, 'own'>): Promise<Spelling> {
  await session.limit(limitMs);
  const names = await session.texts('select nspname::text from pg_namespace');
  await session.query('set quote_all_identifiers = on');
  return { straddles16: lowest < 16 && highest >= 16, schemas: new Set(names.flatMap(([name]) => (name ? [name] : []))) };
}

async function listOf(
  session: Session,
  queries: readonly ListQuery[],
  versions: Versions,
  spelling: Spelling,
  request: CompareRequest,
): Promise<Item[]> {
  const items: Item[] = [];
  for (const query of queries) {
    const sql = typeof query === 'string' ? query : query(versions);
    for (const item of canonical(await patiently(() => linesOf(session, sql, request.ignoredGrantees ?? [])), spelling))
      if (inScope(request, item)) items.push(item);
  }
  return items;
}

function inScope(request: CompareRequest, item: Item): boolean {
  if (request.tables) return item.schema !== null && item.relation !== null && chosen(request, item.schema, item.relation);
  return !request.schemas || (item.schema !== null && request.schemas.includes(item.schema));
}
