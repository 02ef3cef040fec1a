import { createHash } from 'node:crypto';
import { NeedsHuman } from '../../errors.ts';
import type { Side } from '../../postgres/types.ts';
import { notOfExtension, shownName, userSchema } from '../names.ts';
import { both, type Pair } from '../pairs.ts';
import { commonTables, type Table, tablesOf } from '../rows/tables.ts';
import type { Session } from '../session.ts';

/** What a database's tables were, in short: a print of each bucket of tables, by the bucket's number. */
export type Prints = Readonly<Record<string, string>>;

export interface Coverage {
  /** By shown name: tables of which a feed tells the key of each row that changes, on both sides. */
  readonly covered: ReadonlyMap<string, Table>;
  /** Shown names of the others that both sides have, and of those that cannot be read: only a whole comparison says something. */
  readonly uncovered: readonly string[];
  /** What each table is on each side that has it, by shown name. */
  readonly each: ReadonlyMap<string, Partial<Record<Side, string>>>;
  readonly prints: Prints;
}
type Known = Readonly<Record<Side, readonly Found[]>>;
/** A table on one side, on the other, or on both. */
interface Printed {
  readonly shown: string;
  readonly print: bigint;
}

interface Found extends Record<string, unknown> {
  readonly schema: string;
  readonly name: string;
  readonly persistence: string;
  /** What the server logs of a row before its change; null: all of it. */
  readonly identity: readonly string[] | null;
  readonly print: string;
}
const buckets = 256;

/**
 * A table is covered if both servers log its changes and tell its key with each. Its print changes with its columns and with the
 * file that holds its rows: TRUNCATE, and what rewrites a table (ALTER TABLE … USING, VACUUM FULL), are in no feed.
 */
export async function coverageOf(pair: Pair): Promise<Coverage> {
  await refuseEncoding(pair);
  return coverageFrom(pair, await both(pair, identities));
}

/** As `coverageOf`, if any table is not what it was at `before`; else `undefined`. */
export async function coverageSince(pair: Pair, before: Prints): Promise<Coverage | undefined> {
  const known = await both(pair, identities);
  return same(printsOf(eachOf(known)), before) ? undefined : coverageFrom(pair, known);
}

/** The prints are older than what is read here: a table that changes in between has another print at the next look. */
async function coverageFrom(pair: Pair, known: Known): Promise<Coverage> {
  const found = await both(pair, (session) => tablesOf(session, {}));
  const tables = commonTables(found.source, found.destination);
  const covered = new Map<string, Table>();
  const of = (side: Side) => new Map(known[side].map((one) => [shownName(one.schema, one.name), one]));
  const [source, destination] = [of('source'), of('destination')];
  for (const table of tables)
    if ([source, destination].every((side) => tells(side.get(table.shown), table))) covered.set(table.shown, table);
  const each = eachOf(known);
  const all = new Set(found.source.map(({ schema, name }) => shownName(schema, name)));
  const there = new Set(found.destination.map(({ schema, name }) => shownName(schema, name)));
  return {
    covered,
    uncovered: [...all].filter((name) => there.has(name) && !covered.has(name)),
    each,
    prints: printsOf(each),
  };
}

/** The server sends changes in its own encoding, whatever the client's is: a key that is misread would be a row that nobody reads again. */
async function refuseEncoding(pair: Pair): Promise<void> {
  const encodings = await both(pair, (session) => session.texts(`select current_setting('server_encoding')`));
  for (const side of ['source', 'destination'] as const) {
    const encoding = encodings[side][0]?.[0];
    if (encoding === 'UTF8') continue;
    throw new NeedsHuman(
      'proof.encoding',
      `Database ${pair[side].database} of the ${side} is encoded in ${encoding}; change feeds are read in UTF8 only.`,
      {
        remedy: 'Nothing has to be done: every row is compared in the write stop.',
      },
    );
  }
}

function same(left: Prints, right: Prints): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => left[key] === right[key]);
}

/**
 * Shown names of the tables that need not be what they were at `before`. Where up to three tables of a bucket came to a side, or to
 * both, and the others are the same, it is only those; else it is all of the bucket's.
 */
export function changedTables(each: Coverage['each'], before: Prints): string[] {
  return [...inBuckets(each)].flatMap(([bucket, prints]) => {
    const more = BigInt(`0x${before[bucket] ?? '0'}`) ^ sumOf(prints);
    return [...new Set(added(prints, more) ?? prints.map(({ shown }) => shown))];
  });
}

/**
 * The tables, three at the most, that would come to `sum`. Of the forty that ten thousand tables have in a bucket there are 280,000
 * choices, so that once in 2^46 a bucket that changed otherwise passes for one that grew.
 */
function added(prints: readonly Printed[], sum: bigint): readonly string[] | undefined {
  if (sum === 0n) return [];
  const ways = [...prints, ...onBoth(prints)];
  const by = new Map(ways.map(({ shown, print }) => [print, shown]));
  const one = by.get(sum);
  if (one !== undefined) return [one];
  for (const first of ways) {
    const second = by.get(sum ^ first.print);
    if (second !== undefined) return [first.shown, second];
  }
  for (const [i, first] of ways.entries())
    for (const second of ways.slice(i + 1)) {
      const third = by.get(sum ^ first.print ^ second.print);
      if (third !== undefined) return [first.shown, second.shown, third];
    }
  return undefined;
}

/** Both sides' prints of a table follow each other. */
function onBoth(prints: readonly Printed[]): readonly Printed[] {
  return prints.flatMap(({ shown, print }, i) => {
    const next = prints[i + 1];
    return next?.shown === shown ? [{ shown, print: print ^ next.print }] : [];
  });
}

function sumOf(prints: readonly Printed[]): bigint {
  return prints.reduce((sum, { print }) => sum ^ print, 0n);
}

/** The number of the bucket in which a table's print is, by the table's shown name. */
export function bucketOf(shown: string): string {
  return String(createHash('sha256').update(shown).digest().readUInt16BE(0) % buckets);
}

function tells(found: Found | undefined, table: Table): boolean {
  if (found?.persistence !== 'p' || table.key.length === 0) return false;
  return found.identity === null || table.key.every(({ name }) => found.identity?.includes(name));
}

function eachOf(known: Known): Coverage['each'] {
  const each = new Map<string, Partial<Record<Side, string>>>();
  for (const side of ['source', 'destination'] as const)
    for (const { schema, name, print } of known[side]) {
      const shown = shownName(schema, name);
      each.set(shown, { ...each.get(shown), [side]: print });
    }
  return each;
}

function inBuckets(each: Coverage['each']): ReadonlyMap<string, readonly Printed[]> {
  const all = new Map<string, Printed[]>();
  for (const [shown, sides] of each) {
    const bucket = bucketOf(shown);
    const prints = Object.entries(sides).map(([side, is]) => ({
      shown,
      print: createHash('sha256').update(`${shown}\n${side} ${is}`).digest().readBigUInt64BE(0),
    }));
    all.set(bucket, [...(all.get(bucket) ?? []), ...prints]);
  }
  return all;
}

/** The XOR of a bucket's tables, each side's for itself: who has it and the tables finds out which were added. */
export function printsOf(each: Coverage['each']): Prints {
  return Object.fromEntries([...inBuckets(each)].map(([bucket, prints]) => [bucket, sumOf(prints).toString(16).padStart(16, '0')]));
}

function identities(session: Session): Promise<Found[]> {
  return session.query<Found>(`
    with mine as (
      select c.oid, n.nspname, c.relname, c.relpersistence, c.relreplident, pg_relation_filenode(c.oid) as file
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'r' and c.relpersistence <> 't' and ${userSchema('n.nspname')} and ${notOfExtension('pg_class', 'c.oid')}
    ), columns as (
      select a.attrelid, md5(string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull, ',' order by a.attnum)) as columns
      from pg_attribute a join mine on mine.oid = a.attrelid where a.attnum > 0 and not a.attisdropped group by a.attrelid
    ), logged as (
      select i.indrelid, json_agg(a.attname order by k.place) as columns
      from pg_index i join mine m on m.oid = i.indrelid
        and case m.relreplident when 'd' then i.indisprimary when 'i' then i.indisreplident else false end
      cross join lateral unnest(i.indkey::int2[]) with ordinality k (number, place)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
      where i.indisvalid and k.place <= i.indnkeyatts group by i.indrelid
    )
    select m.nspname::text as schema, m.relname::text as name, m.relpersistence::text as persistence,
      case when m.relreplident = 'f' then null else coalesce(l.columns, '[]') end as identity,
      concat_ws(' ', m.file, m.relpersistence, m.relreplident, coalesce(c.columns, ''), coalesce(l.columns::text, '')) as print
    from mine m left join columns c on c.attrelid = m.oid left join logged l on l.indrelid = m.oid`);
}
