import { identifier, qualified } from '../../postgres/identifiers.ts';
import { notOfExtension, shownName, userSchema } from '../names.ts';
import { both, type Pair } from '../pairs.ts';
import { obstacles } from '../rows/obstacles.ts';
import { patiently } from '../rows/patience.ts';
import { chosen } from '../rows/tables.ts';
import type { Session } from '../session.ts';
import type { CompareRequest, NotCompared, ObjectDifference } from '../types.ts';

interface Sequence extends Record<string, unknown> {
  readonly schema: string;
  readonly name: string;
  /** Why it, or a column that it fills, cannot be read. */
  readonly hindrance: string | null;
  readonly increment: string;
  /** The columns that take their values from it. */
  readonly columns: readonly { readonly schema: string; readonly table: string; readonly column: string; readonly readable: boolean }[];
}

export interface SequenceState {
  readonly increment: bigint;
  readonly next: bigint;
  /** The farthest value in its columns, in the sequence's direction. */
  readonly farthest: bigint | undefined;
}

/** Where each sequence stands on both sides. Reading one needs SELECT on it: a missing right is told, never a silent null. */
export async function sequenceValues(
  request: CompareRequest,
  database: string,
  pair: Pair,
): Promise<{ readonly differences: readonly ObjectDifference[]; readonly notCompared: readonly NotCompared[] }> {
  const found = await both(pair, (session) => sequencesOf(session, request));
  const notCompared = obstacles(database, found);
  const hidden = new Set(notCompared.map(({ object }) => object));
  const states = await both(pair, (session, side) =>
    statesOf(
      session,
      found[side].filter(({ schema, name }) => !hidden.has(shownName(schema, name))),
    ),
  );
  const differences = [...states.source].flatMap(([object, source]) => {
    const destination = states.destination.get(object);
    const problem = destination && behind(source, destination);
    return problem ? [{ database, kind: 'sequence-value', object, source: `next ${source.next}`, destination: problem }] : [];
  });
  return { differences, notCompared };
}

/**
 * The destination must go on beyond the source's last value and beyond what the column holds. Undefined: it does. A column
 * that is ahead of its sequence on the source already is no difference.
 */
export function behind(source: SequenceState, destination: SequenceState): string | undefined {
  const sign = source.increment < 0n ? -1n : 1n;
  if (destination.next * sign < source.next * sign) return `next ${destination.next}`;
  const reached = destination.farthest;
  if (reached === undefined || destination.next * sign > reached * sign) return undefined;
  const sourceToo = source.farthest !== undefined && source.next * sign <= source.farthest * sign;
  return sourceToo ? undefined : `next ${destination.next}, but its column already holds ${reached}`;
}

async function sequencesOf(session: Session, request: CompareRequest): Promise<readonly Sequence[]> {
  const asked = (await session.query<Sequence>(query)).filter((sequence) =>
    request.tables
      ? sequence.columns.some((column) => chosen(request, column.schema, column.table))
      : chosen(request, sequence.schema, sequence.name),
  );
  return asked.map((sequence) => {
    const hidden = sequence.columns.find(({ readable }) => !readable);
    const hindrance = hidden && `the table that it fills, ${shownName(hidden.schema, hidden.table)}, cannot be read`;
    return { ...sequence, hindrance: sequence.hindrance ?? hindrance ?? null };
  });
}

async function statesOf(session: Session, all: readonly Sequence[]): Promise<Map<string, SequenceState>> {
  const states = new Map<string, SequenceState>();
  for (let i = 0; i < all.length; i += 100) {
    const part = all.slice(i, i + 100);
    const values = await patiently(() => session.texts(part.map(valueQuery).join(' union all ')));
    const byPlace = new Map(values.map((row) => [row[0], row]));
    for (const [place, sequence] of part.entries()) {
      const [, last, called, ...farthest] = byPlace.get(String(place)) ?? [];
      if (!last) continue;
      const increment = BigInt(sequence.increment);
      const reached = farthest.flatMap((value) => (value ? [BigInt(value)] : []))[0];
      states.set(shownName(sequence.schema, sequence.name), {
        increment,
        next: called === 'true' ? BigInt(last) + increment : BigInt(last),
        farthest: reached,
      });
    }
  }
  return states;

  function valueQuery(sequence: Sequence, place: number): string {
    const pick = BigInt(sequence.increment) < 0n ? 'min' : 'max';
    const columns = sequence.columns.map(
      (column) => `(select ${pick}(${identifier(column.column)})::bigint from ${qualified(column.schema, column.table)})`,
    );
    const farthest =
      columns.length === 0 ? 'null' : `${BigInt(sequence.increment) < 0n ? 'least' : 'greatest'}(${columns.join(', ')})::text`;
    return `select '${place}', last_value::text, is_called::text, ${farthest} from ${qualified(sequence.schema, sequence.name)}`;
  }
}

/** A column uses a sequence that it owns (serial, identity) or that its default calls. */
const query = `
  select n.nspname::text as schema, c.relname::text as name, s.seqincrement::text as increment,
    case when not has_schema_privilege(n.oid, 'USAGE') then format('%s has no USAGE on schema %s', current_user, n.nspname)
      when not has_sequence_privilege(c.oid, 'SELECT') then format('%s may not read it (no SELECT)', current_user) end as hindrance,
    coalesce((
      select json_agg(distinct jsonb_build_object('schema', tn.nspname, 'table', t.relname, 'column', a.attname,
        'readable', has_schema_privilege(tn.oid, 'USAGE') and has_table_privilege(t.oid, 'SELECT') and not row_security_active(t.oid)))
      from (
        select d.refobjid as relation, d.refobjsubid as number from pg_depend d
        where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.refclassid = 'pg_catalog.pg_class'::regclass and d.deptype in ('a', 'i')
        union
        select f.adrelid, f.adnum from pg_depend d join pg_attrdef f on f.oid = d.objid
        where d.classid = 'pg_catalog.pg_attrdef'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = c.oid
      ) u
      join pg_class t on t.oid = u.relation and t.relkind in ('r', 'p') join pg_namespace tn on tn.oid = t.relnamespace
      join pg_attribute a on a.attrelid = u.relation and a.attnum = u.number and a.atttypid in (20, 21, 23)), '[]') as columns
  from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
  where c.relpersistence <> 't' and ${userSchema('n.nspname')} and ${notOfExtension('pg_class', 'c.oid')}
  order by 1, 2`;
