import type { Clients } from './clients.ts';
import type { Tended, WayBackLook } from './engine/ports.ts';
import type { RunState } from './engine/state.ts';
import { NeedsHuman } from './errors.ts';
import type { AddedKey } from './postgres/added-key.ts';
import { carryOver } from './postgres/carry-over.ts';
import { catalogueVersion } from './postgres/catalogue-version.ts';
import { databaseSizes } from './postgres/database-sizes.ts';
import { bytesText } from './postgres/lag.ts';
import type { DroppedConstraint } from './postgres/restore-constraint.ts';
import type { WayBackRequest } from './postgres/way-back.ts';
import { firstUnconfirmed, giveUpWayBack, hasStopped, type WayBackHealth, wayBackHealth } from './postgres/way-back-health.ts';
import { definitions } from './validator/schema-drift.ts';
import type { ObjectDifference } from './validator/types.ts';

type Needs = Pick<Clients, 'target' | 'postgres' | 'secrets' | 'cloudSql' | 'validator'>;
interface Request {
  readonly clients: Needs;
  readonly uid: string;
  readonly state: RunState;
  readonly before: WayBackLook | undefined;
  readonly signal: AbortSignal;
}
/** What one round leaves to the next. */
interface Memo {
  readonly healths: readonly WayBackHealth[];
  /** Made on the old instance so far. */
  readonly partitions: number;
  readonly last: string | undefined;
}
const mostNames = 20;

/**
 * Looks after the armed way back of one run: what the new instance has more of tables and partitions is made on the old one
 * and followed; other DDL is named; lag and retained WAL are measured, warned of at `wayBack.maxRetainedWal`, and at twice that, or when the
 * new instance's disk would fill, the way back is given up. The full comparison is made only when a catalogue has changed.
 */
export function createWayBackTender() {
  const compared = new Map<string, { readonly version: string; readonly sentences: readonly string[] }>();
  return async function tend(request: Request): Promise<Tended> {
    const { clients, uid, before } = request;
    const { target, postgres } = clients;
    const databases = Object.keys(target.databases);
    const known = memoOf(before);
    const healths = await wayBackHealth(postgres, uid, databases, known.healths);
    const wayBack = await requestOf(clients, uid);
    const lost = await lostBecause(request, wayBack, healths);
    if (lost !== undefined) return { look: lookOf(target, { ...known, healths }), did: [], warnings: [], gaps: [], lost };
    const did: string[] = [];
    const warnings: string[] = [];
    const gaps: string[] = [];
    const partitions: string[] = [];
    for (const health of healths) {
      const { database, name } = health;
      const [there, here] = await Promise.all([postgres.database('destination', database), postgres.database('source', database)]);
      const carried = await carryOver(there, here, name, (table) => request.state.wayBack.gaps.includes(gapSentence(target, table)));
      partitions.push(...carried.created.flatMap(({ shown, partition }) => (partition ? [shown] : [])));
      did.push(
        ...carried.created.flatMap(({ shown, partition }) =>
          partition ? [] : [`table ${shown} is made on ${target.source} too and followed from its first row on`],
        ),
      );
      gaps.push(...carried.gaps.map((table) => gapSentence(target, table)));
      const versions = await Promise.all([catalogueVersion(there), catalogueVersion(here)]);
      const key = `${uid} ${database}`;
      const earlier = compared.get(key);
      const differing = earlier?.version === versions.join() ? earlier.sentences : named(await differences(request, database));
      compared.set(key, { version: versions.join(), sentences: differing });
      warnings.push(...carried.problems, ...differing);
      if (health.retainedBytes > target.wayBack.maxRetainedWal)
        warnings.push(
          `${target.destination} keeps more than ${bytesText(target.wayBack.maxRetainedWal)} of WAL for ${target.source} (wayBack.maxRetainedWal); at twice that the way back is given up`,
        );
      if (hasStopped(health)) warnings.push(stoppedSentence(target, health, await firstUnconfirmed(wayBack, health)));
    }
    const memo: Memo = { healths, partitions: known.partitions + partitions.length, last: partitions.at(-1) ?? known.last };
    const over = overSince(target, request.state, Date.now());
    return { look: lookOf(target, memo), did, warnings, gaps, ...(over === undefined ? {} : { over }) };
  };
}

function lookOf({ wayBack }: Needs['target'], memo: Memo): WayBackLook {
  const most = (of: (health: WayBackHealth) => number) => bytesText(Math.max(0, ...memo.healths.map(of)));
  const text = [
    `lag ${most(({ lagBytes }) => lagBytes)}`,
    `WAL kept ${most(({ retainedBytes }) => retainedBytes)} of at most ${bytesText(wayBack.maxRetainedWal)}`,
    ...(memo.partitions > 0 ? [`${memo.partitions} new partitions made on the old instance too, last ${memo.last}`] : []),
  ].join(' · ');
  return { at: Date.now(), text, memo };
}

/** Nobody decides for people that they will not go back: when the days are over they are asked to. */
export function overSince({ source, destination, wayBack }: Needs['target'], state: RunState, now: number): string | undefined {
  if (state.endedAt === undefined || now < state.endedAt + wayBack.days * 86_400_000) return undefined;
  return `the ${wayBack.days} days of the way back are over; ${destination} goes on keeping WAL for ${source}, and both cost money, until somebody types \`/pgupgrade retire ${state.header?.run ?? ''}\``;
}

function memoOf(before: WayBackLook | undefined): Memo {
  return (before?.memo as Memo | undefined) ?? { healths: [], partitions: 0, last: undefined };
}

/** There is no way back any more, or there must not be one: a full disk would stop the new instance. */
async function lostBecause(
  { clients: { target, postgres, cloudSql } }: Request,
  wayBack: WayBackRequest,
  healths: readonly WayBackHealth[],
): Promise<string | undefined> {
  if (healths.length < wayBack.databases.length) return `its replication slot on ${target.destination} is gone`;
  const gone = healths.find(({ walStatus }) => walStatus === 'lost');
  if (gone) return `${target.destination} has removed WAL that its slot ${gone.name} still needed (max_slot_wal_keep_size)`;
  const retained = Math.max(...healths.map(({ retainedBytes }) => retainedBytes));
  const { maxRetainedWal } = target.wayBack;
  const full = retained > maxRetainedWal / 4 ? await diskInDanger() : undefined;
  const why = retained > 2 * maxRetainedWal ? `its slot kept ${bytesText(retained)} of WAL, more than twice wayBack.maxRetainedWal` : full;
  if (why === undefined) return undefined;
  for (const health of healths) await giveUpWayBack(wayBack, health);
  return `${why}, and a full disk would stop ${target.destination}; its slot is dropped`;

  async function diskInDanger(): Promise<string | undefined> {
    const instance = await cloudSql.instance(target.destination);
    const disk = Number(instance?.settings?.dataDiskSizeGb ?? 0) * 1024 ** 3;
    const data = [...(await databaseSizes(postgres, 'destination')).values()].reduce((sum, bytes) => sum + bytes, 0);
    return disk > 0 && retained > disk / 10 && data + retained > 0.9 * disk
      ? `the WAL that its slot kept (${bytesText(retained)}) left less than a tenth of the disk of ${target.destination}`
      : undefined;
  }
}

async function differences(request: Request, database: string): Promise<readonly ObjectDifference[]> {
  const { objects } = await request.clients.validator.compare({
    databases: [database],
    live: true,
    sequences: false,
    expected: [],
    connections: 1,
    parts: 'objects',
    signal: request.signal,
  });
  const own = ownDifferences(request.state);
  return objects.filter(({ kind, object }) => definitions.has(kind) && !own.some((one) => object === one || object.startsWith(`${one}.`)));
}

/** What the upgrade itself has made different: constraints that only the new instance has again, and keys that only one side keeps. */
function ownDifferences({ records }: RunState): readonly string[] {
  const recorded = <T>(step: string, key: string) => (records.get(step)?.get(key) as readonly T[] | null | undefined) ?? [];
  return [
    ...recorded<DroppedConstraint>('drop-deferrable-constraints', 'constraints').flatMap(({ schema, table, name }) => [
      `${schema}.${table}.${name}`,
      `${schema}.${name}`,
    ]),
    ...recorded<AddedKey>('add-missing-primary-keys', 'added').flatMap(({ schema, table, column }) => [
      `${schema}.${table}.${table}_pkey`,
      `${schema}.${table}.${column.split(' ')[0]}`,
      `${schema}.${table}_${column.split(' ')[0]}_seq`,
    ]),
  ];
}

function named(all: readonly ObjectDifference[]): readonly string[] {
  const sentences = all.map(({ kind, object, source, destination }) => {
    const what = `${kind.replaceAll('-', ' ')} ${object}`;
    if (source === null) return `${what} exists only on the new instance`;
    if (destination === null) return `${what} is gone from the new instance and still on the old one`;
    return `${what} was changed: ${brief(destination)} on the new instance, ${brief(source)} on the old one`;
  });
  return sentences.length > mostNames
    ? [...sentences.slice(0, mostNames), `${sentences.length - mostNames} more objects differ`]
    : sentences;
}

function brief(text: string): string {
  return text.length > 80 ? `${text.slice(0, 79)}…` : text || 'nothing';
}

function gapSentence({ source, destination }: Needs['target'], table: string): string {
  return `table ${table} was made on ${source} by somebody else: rows that were written to it on ${destination} before it was followed are missing there; copy them by hand before anybody goes back`;
}

function stoppedSentence({ source }: Needs['target'], { database, confirmed }: WayBackHealth, tables: readonly string[]): string {
  const what = tables.length > 0 ? `a transaction that changes ${tables.slice(0, 5).join(', ')}` : 'the next transaction';
  return `${source} cannot apply ${what} (database ${database}, behind LSN ${confirmed}); the error’s words are in its log`;
}

async function requestOf({ target, postgres, secrets }: Needs, uid: string): Promise<WayBackRequest> {
  const secret = target.secrets['wayback'] ?? '';
  const password = await secrets.latest(secret);
  if (password === undefined)
    throw new NeedsHuman('secret.missing', `Secret ${secret} with the password of wayback does not exist or is empty.`, {
      remedy: 'Add a version to it; the way back is looked after again then.',
    });
  return { postgres, uid, databases: Object.keys(target.databases), user: 'wayback', password };
}
