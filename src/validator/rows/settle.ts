import { identifier } from '../../postgres/identifiers.ts';
import type { Side } from '../../postgres/types.ts';
import type { Pair } from '../pairs.ts';
import type { Session } from '../session.ts';
import { type HashForm, rowHash } from './form.ts';
import { lookUp } from './lookup.ts';
import { type Candidate, candidates, keyText, type Listed } from './pairing.ts';
import type { Table } from './tables.ts';

const rounds = 10;

/** A key as one side has it now. `version` changes with every write to its rows, also when the values come back. */
interface Sighting {
  readonly rows: readonly Listed[];
  readonly version: string;
}

export interface Settled {
  readonly real: readonly Candidate[];
  /** Keys that kept moving. */
  readonly unsettled: number;
}

/**
 * Which candidates differ although the source stands still. A round: read the keys on the source, let everything pass that
 * was committed (barrier), read them on the destination. The same unequal pair of row versions in two rounds: the source's
 * version was there before the barrier and the destination has another, which replication can no longer mend. A pair
 * that keeps changing is unsettled, never a difference. `from`: the side that changes come from.
 */
export async function settle(
  pair: Pair,
  table: Table,
  found: readonly Candidate[],
  form: HashForm,
  passBarrier: () => Promise<void>,
  from: Side = 'source',
): Promise<Settled> {
  const real: Candidate[] = [];
  const seen = new Map<string, string>();
  let open = found.map((candidate) => candidate.key);
  for (let round = 0; round < rounds && open.length > 0; round++) {
    const first = await sightings(pair[from], table, open, form);
    await passBarrier();
    const second = await sightings(pair[from === 'source' ? 'destination' : 'source'], table, open, form);
    const [source, destination] = from === 'source' ? [first, second] : [second, first];
    open = open.filter((key) => {
      const text = keyText(key);
      const [a, b] = [source.get(text), destination.get(text)];
      const [difference] = candidates(a?.rows ?? [], b?.rows ?? []);
      if (!difference) return false;
      const versions = `${a?.version ?? 'none'} ${b?.version ?? 'none'}`;
      if (seen.get(text) === versions) {
        real.push(difference);
        return false;
      }
      seen.set(text, versions);
      return true;
    });
  }
  return { real, unsettled: open.length };
}

async function sightings(
  session: Session,
  table: Table,
  keys: readonly (readonly (string | null)[])[],
  form: HashForm,
): Promise<Map<string, Sighting>> {
  const found = new Map<string, { rows: Listed[]; versions: string[] }>();
  const add = (listed: Listed, version: string | null | undefined) => {
    const text = listed[0] ?? '';
    const hash = listed[1];
    const sighting = found.get(text) ?? { rows: [], versions: [] };
    found.set(text, sighting);
    sighting.rows.push(listed);
    sighting.versions.push(`${hash}@${version}`);
  };
  if (table.key.length === 0) {
    const hash = rowHash(table.columns, form);
    const rows = await session.texts(
      `select ${hash}::text, count(*)::text, sum(t.xmin::text::bigint)::text from only ${table.sql} t where ${hash} = any($1::bigint[]) group by ${hash}`,
      [keys.map(([text]) => text)],
    );
    for (const [same, times, versions] of rows) add([keyText([same ?? '']), same ?? '', times ?? '1'], versions);
    return summed(found);
  }
  const output = [
    ...table.key.map((column) => `t.${identifier(column.name)}::text`),
    `${rowHash(table.columns, form)}::text`,
    't.xmin::text',
  ];
  for (const row of await lookUp(session, table, keys, form, output))
    add([keyText(row.slice(0, table.key.length)), row[table.key.length] ?? ''], row.at(-1));
  return summed(found);
}

function summed(found: ReadonlyMap<string, { readonly rows: Listed[]; readonly versions: string[] }>): Map<string, Sighting> {
  return new Map([...found].map(([text, { rows, versions }]) => [text, { rows, version: versions.sort().join() }]));
}

/** Both sides at rest: what is listed is what differs. */
export function atRest(found: readonly Candidate[]): Settled {
  return { real: found, unsettled: 0 };
}
