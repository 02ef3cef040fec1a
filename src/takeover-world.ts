import type { Clients } from './clients.ts';
import type { Leg } from './engine/step.ts';
import { migrationJobId } from './gcp/names.ts';
import { type FenceLedger, standingFences } from './postgres/fence-ledger.ts';
import { mirroredReplicas } from './postgres/replicas-mirror.ts';
import type { Sql } from './postgres/types.ts';
import { unfenced } from './postgres/unfence.ts';

/** What a write stop left on one instance. */
export interface Mirror {
  readonly fences: readonly { readonly run: string; readonly ledger: FenceLedger; readonly final?: boolean }[];
  readonly replicas: Readonly<Record<string, number>>;
}
/** What can be seen of a run without its log. */
export interface World {
  readonly run: string;
  readonly source: { readonly name: string; readonly mirror: Mirror | undefined };
  /** `mirror` is looked at only once nothing replicates into it: before that no rollback can have closed it. */
  readonly destination: { readonly name: string; readonly mirror: Mirror | undefined };
  /** As Google calls it; `undefined`: there is no such instance. */
  readonly instanceType: string | undefined;
  readonly job: { readonly state: string; readonly phase: string } | undefined;
  /** A fence's ledger stands on the source, and yet the source lets somebody in: it is being opened, or somebody did it by hand. */
  readonly sourceLetsIn: boolean;
}
/** Where a run stands, by what the world shows. */
export interface Shown {
  readonly uid: string;
  readonly leg: Leg;
  /** The first step that is left. Its commands may be run twice. */
  readonly first: string;
  readonly mayGiveBack: boolean;
  /** Why nothing may be opened or started on what is seen: one sentence. */
  readonly ambiguous?: string;
  readonly words: string;
}

interface LookedAt extends Pick<Clients, 'target' | 'postgres'> {
  readonly cloudSql: Pick<Clients['cloudSql'], 'instance'>;
  readonly dataMigration: Pick<Clients['dataMigration'], 'job'>;
}

const replica = 'READ_REPLICA_INSTANCE';
const named = /^(?<run>.+)-(?<uid>[a-z0-9]+)$/;

export async function mirrorOf(sql: Sql): Promise<Mirror> {
  return { fences: await standingFences(sql), replicas: await mirroredReplicas(sql) };
}

/** An instance that does not answer is no reason to fail: what is not known is judged as such. Google's silence is one. */
export async function lookAtWorld({ target, postgres, cloudSql, dataMigration }: LookedAt, run: string): Promise<World> {
  const instance = await cloudSql.instance(target.destination);
  const seen = (side: 'source' | 'destination') =>
    postgres
      .database(side, 'postgres')
      .then(mirrorOf)
      .catch(() => undefined);
  const standsAlone = instance !== undefined && instance.instanceType !== replica;
  const [source, destination] = await Promise.all([seen('source'), standsAlone ? seen('destination') : undefined]);
  const uid = uidOf(run, [source, destination]);
  const job =
    uid === undefined
      ? undefined
      : await dataMigration.job(migrationJobId({ uid, service: target.service, environment: target.environment }));
  return {
    run,
    source: { name: target.source, mirror: source },
    destination: { name: target.destination, mirror: destination },
    instanceType: instance && (instance.instanceType ?? 'of unknown type'),
    job: job ? { state: String(job.state), phase: String(job.phase) } : undefined,
    sourceLetsIn: source !== undefined && standsAlone && (await letsIn(await postgres.database('source', 'postgres'), source)),
  };
}

/** Opening begins with LOGIN, so one role that may log in tells that it was begun. */
async function letsIn(sql: Sql, { fences }: Mirror): Promise<boolean> {
  for (const { ledger } of fences) {
    const open = await sql.look('select 1 from pg_roles where rolcanlogin and rolname = any ($1) limit 1', [ledger.roles]);
    if (open.length > 0 || (await unfenced(sql, ledger)).length === 0) return true;
  }
  return false;
}

function uidOf(run: string, mirrors: readonly (Mirror | undefined)[]): string | undefined {
  return mirrors
    .flatMap((mirror) => mirror?.fences ?? [])
    .map((fence) => named.exec(fence.run)?.groups)
    .find((groups) => groups?.['run'] === run)?.['uid'];
}

/**
 * A rollback keeps the old instance's fence until it opens it, and never takes down the new one's. So: both stand, nobody was let in
 * anywhere; the new one's is final, the old one was about to be opened; only the new one's, it was; only the old one's, no rollback has
 * stopped anybody.
 */
export function shownBy(world: World): Shown {
  const { source, destination, instanceType, job, run } = world;
  const uid = uidOf(run, [source.mirror, destination.mirror]) ?? 'UID';
  const onSource = source.mirror?.fences ?? [];
  const onNew = destination.mirror?.fences ?? [];
  const stoppedOnNew = Object.keys(destination.mirror?.replicas ?? {}).length > 0;
  const base = { uid, words: wordsOf(world) };
  const upgrade = (first: string, mayGiveBack: boolean): Shown => ({ ...base, leg: 'upgrade', first, mayGiveBack });
  const rollback = (first: string, mayGiveBack: boolean): Shown => ({ ...base, leg: 'rollback', first, mayGiveBack });
  const ambiguous = doubt(world, uid);
  if (ambiguous !== undefined) return { ...base, leg: 'upgrade', first: '', mayGiveBack: false, ambiguous };
  if (instanceType === replica) {
    const stopped = Object.keys(source.mirror?.replicas ?? {}).length > 0;
    if (onSource.length === 0) return upgrade(stopped ? 'stop-workers' : 'prepare-switch', stopped);
    const called = job?.state === 'COMPLETED' || job?.phase === 'PROMOTE_IN_PROGRESS';
    return called ? upgrade('promote-destination', false) : upgrade('fence-source', true);
  }
  if (onSource.length === 0) return rollback('switch-services-back', false);
  if (onNew.some(({ final }) => final)) return rollback('open-source', false);
  if (onNew.length > 0) return rollback('fence-destination', true);
  return stoppedOnNew ? rollback('stop-services-for-rollback', true) : upgrade('hand-over-ownership', false);
}

/** What forbids to conclude anything, as one sentence. */
function doubt({ run, source, destination, instanceType, sourceLetsIn }: World, uid: string): string | undefined {
  if (!source.mirror) return `${source.name} does not answer, so whether a fence stands there is unknown.`;
  const standing = [...source.mirror.fences, ...(destination.mirror?.fences ?? [])];
  const foreign = standing.find((fence) => fence.run !== `${run}-${uid}`);
  if (foreign) return `A fence of ${foreign.run} stands, which is not ${run}'s.`;
  if (instanceType === undefined) return `Google knows no ${destination.name}, so there is nothing to go on to.`;
  if (instanceType === replica) return undefined;
  if (!destination.mirror) return `${destination.name} does not answer, so whether a rollback has closed it is unknown.`;
  if (sourceLetsIn)
    return `A fence is recorded on ${source.name}, and yet roles that it shut out may log in there: it is being opened, or somebody did it by hand, and both instances may have been written to.`;
  if (standing.length > 0) return undefined;
  if (Object.keys(destination.mirror.replicas).length > 0)
    return `Applications are stopped on ${destination.name}, but no fence stands on either instance, so which one is to be written to is unknown.`;
  return `No fence stands on either instance and ${destination.name} replicates from nowhere: it was not filled yet, or the run is over.`;
}

function wordsOf({ source, destination, instanceType, job }: World): string {
  const said = ({ name, mirror }: World['source']) =>
    mirror === undefined
      ? undefined
      : mirror.fences.length > 0
        ? `a fence stands on ${name} (nobody may write there)`
        : `no fence stands on ${name}`;
  return `Redis does not answer, so this is what the world shows: ${[
    said(source),
    said(destination),
    `${destination.name} is ${instanceType ?? 'not there'}${job ? `, migration job ${job.state} ${job.phase}` : ''}`,
  ]
    .filter((part) => part !== undefined)
    .join('; ')}.`;
}
