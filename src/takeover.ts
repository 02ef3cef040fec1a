import { setTimeout as pause } from 'node:timers/promises';
import type { Clients } from './clients.ts';
import { loadServices } from './config/load.ts';
import { parseRuntime, type Runtime } from './config/runtime.ts';
import { fold } from './engine/fold.ts';
import { shapeOf } from './engine/shape.ts';
import type { RunState } from './engine/state.ts';
import type { Leg } from './engine/step.ts';
import { writesSentence } from './engine/writes.ts';
import { Refused } from './errors.ts';
import { migrationJobId } from './gcp/names.ts';
import { connectJobs } from './jobs/jobs.ts';
import { clientsOpener } from './open-clients.ts';
import { type FenceLedger, standingFences } from './postgres/fence-ledger.ts';
import { mirroredReplicas } from './postgres/replicas-mirror.ts';
import type { DroppedConstraint } from './postgres/restore-constraint.ts';
import { runbook } from './runbook.ts';
import { commandsOf, type Situation } from './takeover-lines.ts';
import { commandsOfRollback } from './takeover-lines-back.ts';

const redisAnswersWithinMs = 3_000;
const shape = shapeOf(runbook);

/** What is to be done, as far as it could be found out. */
interface Standing {
  readonly uid: string;
  readonly service: string;
  readonly environment: string;
  readonly versions?: { readonly from: number; readonly to: number };
  /** Ids of the steps that are left, in order. */
  readonly left: readonly string[];
  readonly leg: Leg;
  /** Writers are stopped, and the leg's point of no return has not been reached: giving back is still a way out. */
  readonly mayGiveBack: boolean;
  readonly words: string;
  readonly recall: <T>(step: string, key: string) => T | undefined;
}

/**
 * What is left to do of a run, as lines for a shell with the real names, for the night when the bot is dead: from the run's
 * log, or, where Redis does not answer, from what the source and Google show (then `environment` has to be named). Changes nothing.
 */
export async function takeover(request: {
  readonly run: string;
  readonly environment?: string;
  readonly service?: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
}): Promise<readonly string[]> {
  const runtime = parseRuntime(request.variables);
  const services = await loadServices(runtime.SERVICES_DIR);
  const logged = await fromLog(runtime, request.run);
  const service = logged?.service ?? request.service ?? [...services.keys()][0] ?? '';
  const environment = logged?.environment ?? request.environment;
  if (environment === undefined)
    throw new Refused('takeover.which', `Redis does not know ${request.run} or does not answer: name the environment, --environment NAME.`);
  const opened = clientsOpener(runtime, services)(
    { service, environment, ...logged?.versions },
    {
      guard: async () => {
        throw new Refused('takeover.looks-only', 'A takeover changes nothing.');
      },
      signal: AbortSignal.timeout(60_000),
      applicationName: 'pgupgrade/takeover',
      readOnly: true,
    },
  );
  try {
    const standing = logged ?? (await fromWorld(opened.clients, request.run, service, environment));
    return linesOf(await situationOf(opened.clients, request.run, standing), standing);
  } finally {
    await opened.close();
  }
}

async function fromLog(runtime: Runtime, run: string): Promise<Standing | undefined> {
  const jobs = connectJobs({ redisUrl: runtime.REDIS_URL, shape, report: () => undefined });
  try {
    const facts = await Promise.race([jobs.log.read(run), pause(redisAnswersWithinMs, undefined)]);
    const state = facts && fold(facts, shape);
    if (!state?.header) return undefined;
    const { uid, service, environment, from, to } = state.header;
    return {
      uid,
      service,
      environment,
      versions: { from, to },
      left: leftOf(state),
      leg: state.leg.name,
      mayGiveBack: state.writesOffSince !== undefined && !state.promotionCalled && !state.leg.writesWereOff,
      words: `${state.status}; ${writesSentence(state)} ${pastOrNot(state)}`,
      recall: <T>(step: string, key: string) => (state.records.get(step)?.get(key) ?? undefined) as T | undefined,
    };
  } finally {
    jobs.redis.disconnect();
    void jobs.close().catch(() => undefined);
  }
}

function pastOrNot({ leg, promotionCalled }: RunState): string {
  if (leg.name === 'rollback') return promotionCalled ? 'The old instance was opened.' : 'The old instance was not opened yet.';
  return promotionCalled ? 'The promotion was called.' : 'The promotion was not called.';
}

function leftOf(state: RunState): readonly string[] {
  return state.endedAt === undefined
    ? state.steps.filter(({ leg, status }) => leg === state.leg.name && status !== 'done' && status !== 'skipped').map(({ id }) => id)
    : [];
}

/** The fence's mirror names the run; Google knows whether it is promoted. */
async function fromWorld(
  clients: Pick<Clients, 'target' | 'postgres' | 'cloudSql' | 'dataMigration'>,
  run: string,
  service: string,
  environment: string,
): Promise<Standing> {
  const { target, postgres, cloudSql, dataMigration } = clients;
  const fences = await standingFences(await postgres.database('source', 'postgres'));
  const uid = fences.map((fence) => /^(.+)-([a-z0-9]+)$/.exec(fence.run)).find((match) => match?.[1] === run)?.[2] ?? 'UID';
  const [instance, job] = await Promise.all([
    cloudSql.instance(target.destination),
    uid === 'UID' ? undefined : dataMigration.job(migrationJobId({ uid, service, environment })),
  ]);
  const promoted =
    instance !== undefined && instance.instanceType !== 'READ_REPLICA_INSTANCE' && (fences.length > 0 || job?.state === 'COMPLETED');
  const first = promoted ? 'hand-over-ownership' : fences.length > 0 ? 'drain-replication' : 'prepare-switch';
  const upgrade = shape.filter(({ leg }) => leg === 'upgrade').map(({ id }) => id);
  return {
    uid,
    service,
    environment,
    left: upgrade.slice(upgrade.indexOf(first)),
    leg: 'upgrade',
    mayGiveBack: fences.length > 0 && !promoted,
    words: `Redis does not answer, so this is what the world shows: ${fences.length > 0 ? `a fence stands on ${target.source} (nobody may write there)` : `no fence stands on ${target.source}`}; ${target.destination} is ${instance?.instanceType ?? 'not there'}${job ? `, migration job ${job.state} ${job.phase}` : ''}`,
    recall: () => undefined,
  };
}

async function situationOf(
  { target, cloudSql, postgres }: Pick<Clients, 'target' | 'cloudSql' | 'postgres'>,
  run: string,
  standing: Standing,
): Promise<Situation> {
  const [source, destination, mirror] = await Promise.all([
    whereIs(cloudSql, target.source),
    whereIs(cloudSql, target.destination),
    postgres
      .database('source', 'postgres')
      .then(async (sql) => ({ fences: await standingFences(sql), replicas: await mirroredReplicas(sql) }))
      .catch(() => ({ fences: [], replicas: {} })),
  ]);
  const { recall } = standing;
  return {
    run,
    uid: standing.uid,
    target,
    source,
    destination,
    fence: recall<FenceLedger>('fence-source', 'ledger') ?? mirror.fences.find((fence) => fence.run === `${run}-${standing.uid}`)?.ledger,
    fenceOnNew: recall<FenceLedger>('fence-destination', 'ledger'),
    replicas: {
      ...mirror.replicas,
      ...recall<Record<string, number>>('stop-workers', 'replicas'),
      ...recall<Record<string, number>>('stop-web', 'replicas'),
      ...(standing.leg === 'rollback' ? recall<Record<string, number>>('stop-services-for-rollback', 'replicas') : {}),
    },
    constraints: recall<readonly DroppedConstraint[]>('drop-deferrable-constraints', 'constraints') ?? [],
  };
}

async function whereIs(cloudSql: Clients['cloudSql'], name: string): Promise<Situation['source']> {
  const instance = await cloudSql.instance(name).catch(() => undefined);
  const addresses = instance?.ipAddresses ?? [];
  const host = (addresses.find(({ type }) => type === 'PRIVATE') ?? addresses.find(({ type }) => type === 'PRIMARY'))?.ipAddress;
  return { host: host ?? name, connectionName: instance?.connectionName ?? name };
}

/** Comments for people, commands for a shell. */
export function linesOf(
  situation: Situation,
  standing: Pick<Standing, 'left' | 'mayGiveBack' | 'words'> & { readonly leg?: Leg },
): readonly string[] {
  const commands = standing.leg === 'rollback' ? commandsOfRollback : commandsOf;
  const { run, target } = situation;
  const lines = [`# ${run}: ${target.service} ${target.environment}, PostgreSQL ${target.from} → ${target.to}. ${standing.words}`];
  if (standing.mayGiveBack)
    lines.push(
      '',
      `# EITHER give the writes back: npx pgupgrade give-back-writes ${target.environment} --service ${target.service}, or by hand:`,
      ...commands('give-back', situation),
      '',
      '# OR go on:',
    );
  if (standing.left.length === 0) lines.push('# Nothing is left to do.');
  for (const [at, id] of standing.left.entries()) {
    const title = shape.find((step) => step.id === id)?.title ?? id;
    lines.push('', `# ${at + 1}. ${title} (${id})`, ...commands(id, situation));
  }
  return lines;
}
