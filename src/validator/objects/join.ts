import type { Item } from './list.ts';

export interface Joined {
  readonly kind: string;
  readonly object: string;
  readonly source: string | null;
  readonly destination: string | null;
}

export interface Unequal {
  readonly item: Item;
  readonly joined: Joined;
}

/** The full outer join of two lists: what only one side has, and what has another text. */
export function joined(source: readonly Item[], destination: readonly Item[]): Unequal[] {
  const sides = [grouped(source), grouped(destination)] as const;
  const keys = new Set([...sides[0].keys(), ...sides[1].keys()]);
  return [...keys].flatMap((key) => {
    const [a, b] = [sides[0].get(key), sides[1].get(key)];
    const item = a?.item ?? b?.item;
    if (!item || a?.compared === b?.compared) return [];
    return [{ item, joined: { kind: item.kind, object: item.object, source: a?.text ?? null, destination: b?.text ?? null } }];
  });
}

/** By kind and name. Where a table, view, function or type is not there at all, what belongs to it is not listed again. */
export function withoutBelongings(found: readonly Unequal[]): Joined[] {
  const absent = new Set(found.flatMap(({ joined, item }) => (joined.source === null || joined.destination === null ? absence(item) : [])));
  return found
    .filter(({ item }) => !belongsTo(item, absent))
    .map(({ joined }) => joined)
    .sort((a, b) => `${a.kind} ${a.object}`.localeCompare(`${b.kind} ${b.object}`, 'en'));
}

function grouped(items: readonly Item[]): Map<string, { item: Item; text: string; compared: string }> {
  const groups = new Map<string, { item: Item; texts: string[]; compared: string[] }>();
  for (const item of items) {
    const key = `${item.kind}\n${item.object}`;
    const group = groups.get(key) ?? { item, texts: [], compared: [] };
    group.texts.push(item.text);
    group.compared.push(item.compared);
    groups.set(key, group);
  }
  return new Map(
    [...groups].map(([key, { item, texts, compared }]) => [
      key,
      { item, text: texts.sort().join('; '), compared: compared.sort().join('\n') },
    ]),
  );
}

const relationKinds = new Set(['table', 'view', 'materialized-view', 'foreign-table']);

/** What is not there on one side, as the names under which other items refer to it. */
function absence(item: Item): string[] {
  if (relationKinds.has(item.kind)) return [`relation ${item.schema} ${item.relation}`];
  if (item.kind === 'schema') return [`schema ${item.schema}`];
  return ['function', 'type', 'sequence', 'column'].includes(item.kind) ? [`${item.kind} ${item.object}`] : [];
}

function belongsTo(item: Item, absent: ReadonlySet<string>): boolean {
  if (item.kind !== 'schema' && item.schema !== null && absent.has(`schema ${item.schema}`)) return true;
  if (!relationKinds.has(item.kind) && item.relation !== null && absent.has(`relation ${item.schema} ${item.relation}`)) return true;
  // The object of an owner, a comment or a grant is `table public.t`; relations and schemas were seen above.
  if (item.kind === 'owner' || item.kind === 'comment') return absent.has(item.object);
  return item.kind === 'grant' && absent.has(item.object.slice(0, item.object.lastIndexOf(' to ')));
}
