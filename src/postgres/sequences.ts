import { identifier, qualified } from './identifiers.ts';
import { join, notYetMemberOf } from './membership.ts';
import type { Postgres, Row, Side, Sql } from './types.ts';

/** One sequence as it stands on one server. Values are bigint texts: they pass 2^53. */
export interface SequenceState {
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly increment: string;
  readonly min: string;
  readonly max: string;
  readonly cycle: boolean;
  /** `last_value`; it counts what sessions hold in their caches. */
  readonly last: string;
  /** `last` was handed out; else it is the next one. */
  readonly called: boolean;
  /** The session's user may read it. */
  readonly readable: boolean;
}
export interface SequenceRaise {
  readonly database: string;
  /** `schema.name` */
  readonly sequence: string;
  readonly owner: string;
  /** What nextval would give on the destination now, and what it gives after the raise. */
  readonly from: string;
  readonly to: string;
  /** The largest value that its column holds is what decides. */
  readonly beyondColumn: boolean;
  /** `to` is the last value there is, and was handed out already: none is left. */
  readonly spent: boolean;
}
export interface SequenceLook {
  readonly raises: readonly SequenceRaise[];
  readonly compared: number;
  /** Sentences: a sequence that the destination lacks, one that has no value left. */
  readonly notes: readonly string[];
  /** What the bot's user cannot read yet: it has to join these owners. */
  readonly unreadable: readonly { readonly side: Side; readonly owner: string }[];
}
/** How many values beyond the source's next one. */
const headroom = 1_000n;

/**
 * What the destination's sequence must be raised to so that its next value is beyond everything the source handed out
 * and everything its column holds; `undefined` where it is already. Never lowers. The headroom shrinks to a tenth of
 * what a small sequence has left, and one that has none left has none here (`spent`: `to` was given already); one that cycles is not held beyond its column, for there it may be anywhere.
 */
export function raiseTo(
  source: SequenceState,
  destination: SequenceState,
  columnMax: string | null,
): { readonly to: bigint; readonly beyondColumn: boolean; readonly spent: boolean } | undefined {
  const increment = BigInt(source.increment);
  const up = increment > 0n;
  const [min, max] = [BigInt(destination.min), BigInt(destination.max)];
  const further = (left: bigint, right: bigint) => (up ? left > right : left < right);
  const left = (from: bigint) => (up ? max - from : from - min) / (up ? increment : -increment);
  const sourceNext = nextOf(source);
  const roomLeft = left(sourceNext);
  const room = roomLeft <= 0n ? 0n : roomLeft / 10n < headroom ? roomLeft / 10n : headroom;
  // A sequence that never handed out a value needs no room: nobody can be ahead of it.
  let to = !source.called ? sourceNext : sourceNext + increment * room;
  let beyondColumn = false;
  if (columnMax !== null && !source.cycle) {
    const past = BigInt(columnMax) + increment;
    if (further(past, to)) {
      to = past;
      beyondColumn = true;
    }
  }
  const bound = up ? max : min;
  // What must not be handed out again reaches to the bound: then none is left here either, and its last value was given already.
  const spent = further(sourceNext, bound) || (beyondColumn && further(to, bound));
  if (to > max || to < min) to = bound;
  return further(spent ? to + increment : to, nextOf(destination)) ? { to, beyondColumn, spent } : undefined;
}

/** The value that nextval gives, or would give if there were one left. */
export function nextOf({ last, called, increment }: Pick<SequenceState, 'last' | 'called' | 'increment'>): bigint {
  return called ? BigInt(last) + BigInt(increment) : BigInt(last);
}

/** Compares every sequence of the service's databases with those of `from`; changes nothing. */
export async function lookAtSequences(postgres: Postgres, databases: readonly string[], from: Side = 'source'): Promise<SequenceLook> {
  const looks = await Promise.all(databases.map((database) => lookAtDatabase(postgres, database, from)));
  return {
    raises: looks.flatMap(({ raises }) => raises),
    compared: looks.reduce((sum, { compared }) => sum + compared, 0),
    notes: looks.flatMap(({ notes }) => notes),
    unreadable: looks.flatMap(({ unreadable }) => unreadable),
  };
}

/**
 * Raises what `lookAtSequences` finds. The bot's user joins the owners for it (on the destination they are
 * cloudsqlexternalsync); `joined` is called with them before each grant. Gives what was raised.
 */
export async function raiseSequences(
  postgres: Postgres,
  databases: readonly string[],
  joined: (side: Side, roles: readonly string[]) => Promise<void>,
  from: Side = 'source',
): Promise<SequenceLook> {
  const to = otherSide(from);
  const joinOwners = async (side: Side, owners: readonly string[]) => {
    if (owners.length === 0) return;
    const sql = await postgres.database(side, 'postgres');
    const missing = await notYetMemberOf(sql, [...new Set(owners)]);
    if (missing.length > 0) await joined(side, missing);
    await join(sql, missing);
  };
  const ownersOf = ({ unreadable }: SequenceLook, side: Side) => unreadable.filter((one) => one.side === side).map(({ owner }) => owner);
  let look = await lookAtSequences(postgres, databases, from);
  if (look.unreadable.length > 0) {
    await joinOwners('source', ownersOf(look, 'source'));
    await joinOwners('destination', ownersOf(look, 'destination'));
    look = await lookAtSequences(postgres, databases, from);
  }
  await joinOwners(
    to,
    look.raises.map(({ owner }) => owner),
  );
  for (const database of new Set(look.raises.map((raise) => raise.database))) {
    const sql = await postgres.database(to, database);
    const raises = look.raises.filter((raise) => raise.database === database);
    await sql.change(
      `select setval(s.name::regclass, s.value, s.spent) from unnest($1::text[], $2::bigint[], $3::boolean[]) as s (name, value, spent)`,
      [raises.map(({ sequence }) => sequence), raises.map(({ to }) => to), raises.map(({ spent }) => spent)],
    );
  }
  return look;
}

function otherSide(side: Side): Side {
  return side === 'source' ? 'destination' : 'source';
}

async function lookAtDatabase(postgres: Postgres, database: string, from: Side): Promise<SequenceLook> {
  const to = otherSide(from);
  const [source, destination] = await Promise.all([postgres.database(from, database), postgres.database(to, database)]);
  const [ours, theirs, columns] = await Promise.all([sequenceStates(source), sequenceStates(destination), columnMaxima(destination)]);
  const unreadable = [
    ...ours.filter(({ readable }) => !readable).map(({ owner }) => ({ side: from, owner })),
    ...[...theirs.filter(({ readable }) => !readable), ...columns.unreadable].map(({ owner }) => ({ side: to, owner })),
  ];
  if (unreadable.length > 0) return { raises: [], compared: 0, notes: [], unreadable };
  const known = new Map(theirs.map((state) => [qualified(state.schema, state.name), state]));
  const raises: SequenceRaise[] = [];
  const notes: string[] = [];
  for (const state of ours) {
    const sequence = qualified(state.schema, state.name);
    const there = known.get(sequence);
    if (!there) {
      notes.push(`${sequence} of database ${database} is not on the ${to}`);
      continue;
    }
    const next = nextOf(state);
    if (!state.cycle && (next > BigInt(state.max) || next < BigInt(state.min)))
      notes.push(`${sequence} of database ${database} has no value left on the ${from} either`);
    const raise = raiseTo(state, there, columns.maxima.get(sequence) ?? null);
    if (raise)
      raises.push({
        database,
        sequence,
        owner: there.owner,
        from: String(nextOf(there)),
        to: String(raise.to),
        beyondColumn: raise.beyondColumn,
        spent: raise.spent,
      });
  }
  return { raises, compared: ours.length, notes, unreadable };
}

/** Sequences of extensions (pglogical's) are not the service's. */
async function sequenceStates(sql: Sql): Promise<readonly SequenceState[]> {
  const rows = await sql.look<Omit<SequenceState, 'last' | 'called'> & { last: string | null } & Row>(
    `select n.nspname::text as schema, c.relname::text as name, pg_get_userbyid(c.relowner)::text as owner, s.seqincrement::text as increment,
            s.seqmin::text as min, s.seqmax::text as max, s.seqcycle as cycle, has_sequence_privilege(c.oid, 'SELECT') as readable,
            case when has_sequence_privilege(c.oid, 'SELECT') then pg_sequence_last_value(c.oid)::text end as last
     from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
     where c.relpersistence <> 't' and n.nspname !~ '^(pg_|pgupgrade)'
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
     order by 1, 2`,
  );
  // Null until the first nextval, also after setval(…, false): what comes next then stands in the sequence itself.
  const silent = rows.filter(({ last, readable }) => last === null && readable);
  const name = ({ schema, name: of }: { readonly schema: string; readonly name: string }) => qualified(schema, of);
  const nexts =
    silent.length === 0
      ? []
      : await sql.look<{ at: number; next: string }>(
          silent.map((one, at) => `select ${at} as at, last_value::text as next from ${name(one)}`).join(' union all '),
        );
  const next = new Map(nexts.map((one) => [silent[one.at], one.next]));
  return rows.map((row) => ({ ...row, last: row.last ?? next.get(row) ?? row.min, called: row.last !== null }));
}

/**
 * The furthest value of the whole-number column that a sequence fills: owned by it, or named in its default. Only where
 * an index leads with the column or the table is small, because this runs in the write stop.
 */
async function columnMaxima(
  sql: Sql,
): Promise<{ readonly maxima: ReadonlyMap<string, string>; readonly unreadable: readonly { readonly owner: string }[] }> {
  const columns = await sql.look<{
    schema: string;
    name: string;
    table_schema: string;
    table_name: string;
    column: string;
    up: boolean;
    owner: string;
    readable: boolean;
  }>(
    `with uses as (
       select d.objid as sequence, d.refobjid as relation, d.refobjsubid as attnum from pg_depend d
        where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i') and d.refobjsubid > 0
       union
       select d.refobjid, f.adrelid, f.adnum from pg_depend d join pg_attrdef f on f.oid = d.objid
        where d.classid = 'pg_attrdef'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'n')
     select sn.nspname::text as schema, s.relname::text as name, tn.nspname::text as table_schema, t.relname::text as table_name,
            a.attname::text as column, q.seqincrement > 0 as up,
            pg_get_userbyid(t.relowner)::text as owner, has_column_privilege(t.oid, a.attnum, 'SELECT') as readable
     from uses u join pg_class s on s.oid = u.sequence and s.relkind = 'S' join pg_sequence q on q.seqrelid = s.oid
     join pg_namespace sn on sn.oid = s.relnamespace join pg_class t on t.oid = u.relation and t.relkind in ('r', 'p')
     join pg_namespace tn on tn.oid = t.relnamespace join pg_attribute a on a.attrelid = t.oid and a.attnum = u.attnum
     where a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) and tn.nspname <> 'pglogical'
       and (t.relpages < 1000 and t.relkind = 'r' or exists (select from pg_index i where i.indrelid = t.oid and i.indisvalid and i.indkey[0] = a.attnum))`,
  );
  const unreadable = columns.filter(({ readable }) => !readable);
  const maxima = new Map<string, string>();
  if (unreadable.length > 0) return { maxima, unreadable };
  for (const { schema, name, table_schema, table_name, column, up } of columns) {
    const [row] = await sql.look<{ furthest: string | null }>(
      `select ${up ? 'max' : 'min'}(${identifier(column)})::text as furthest from ${qualified(table_schema, table_name)}`,
    );
    const sequence = qualified(schema, name);
    const before = maxima.get(sequence);
    if (row?.furthest == null) continue;
    if (before === undefined || (up ? BigInt(row.furthest) > BigInt(before) : BigInt(row.furthest) < BigInt(before)))
      maxima.set(sequence, row.furthest);
  }
  return { maxima, unreadable };
}
