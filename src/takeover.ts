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
import { connectJobs } from './jobs/jobs.ts';
import { clientsOpener } from './open-clients.ts';
import type { FenceLedger } from './postgres/fence-ledger.ts';
import type { DroppedConstraint } from './postgres/restore-constraint.ts';
import { runbook } from './runbook.ts';
import { commandsOf, type Situation } from './takeover-lines.ts';
import { commandsOfRollback } from './takeover-lines-back.ts';
import { lookAtWorld, type Mirror, mirrorOf, shownBy, type World } from './takeover-world.ts';
import { withTimeLimit } from './time-limit.ts';

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
  /** Why nothing can be concluded; then no command is printed. */
  readonly ambiguous?: string;
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
      signal: withTimeLimit(60_000),
      applicationName: 'pgupgrade/takeover',
      readOnly: true,
    },
  );
  try {
    const standing = logged ?? standingOf(await lookAtWorld(opened.clients, request.run), service, environment);
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

/** Fences and stopped applications name the run and its leg; Google knows whether it is promoted. */
export function standingOf(world: World, service: string, environment: string): Standing {
  const shown = shownBy(world);
  const ids = shape.filter(({ leg }) => leg === shown.leg).map(({ id }) => id);
  return {
    ...shown,
    service,
    environment,
    left: shown.ambiguous === undefined ? ids.slice(ids.indexOf(shown.first)) : [],
    recall: () => undefined,
  };
}

async function situationOf(
  { target, cloudSql, postgres }: Pick<Clients, 'target' | 'cloudSql' | 'postgres'>,
  run: string,
  standing: Standing,
): Promise<Situation> {
  const seen = (side: 'source' | 'destination'): Promise<Mirror> =>
    postgres
      .database(side, 'postgres')
      .then(mirrorOf)
      .catch(() => ({ fences: [], replicas: {} }));
  const back = standing.leg === 'rollback';
  const [source, destination, mirror, onNew] = await Promise.all([
    whereIs(cloudSql, target.source),
    whereIs(cloudSql, target.destination),
    seen('source'),
    back ? seen('destination') : { fences: [], replicas: {} },
  ]);
  const { recall } = standing;
  const own = ({ fences }: Mirror) => fences.find((fence) => fence.run === `${run}-${standing.uid}`)?.ledger;
  const replicasOnNew = { ...onNew.replicas, ...(back ? recall<Record<string, number>>('stop-services-for-rollback', 'replicas') : {}) };
  return {
    run,
    uid: standing.uid,
    target,
    source,
    destination,
    fence: recall<FenceLedger>('fence-source', 'ledger') ?? own(mirror),
    fenceOnNew: recall<FenceLedger>('fence-destination', 'ledger') ?? own(onNew),
    replicas: {
      ...mirror.replicas,
      ...recall<Record<string, number>>('stop-workers', 'replicas'),
      ...recall<Record<string, number>>('stop-web', 'replicas'),
      // What never ran on the new instance stood there at 0: it starts as before the cutover.
      ...Object.fromEntries(Object.entries(replicasOnNew).filter(([, count]) => count > 0)),
    },
    replicasOnNew: back ? replicasOnNew : undefined,
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
  standing: Pick<Standing, 'left' | 'mayGiveBack' | 'words' | 'ambiguous'> & { readonly leg?: Leg },
): readonly string[] {
  const commands = standing.leg === 'rollback' ? commandsOfRollback : commandsOf;
  const { run, target } = situation;
  const lines = [`# ${run}: ${target.service} ${target.environment}, PostgreSQL ${target.from} → ${target.to}. ${standing.words}`];
  if (standing.ambiguous !== undefined)
    return [
      ...lines,
      '',
      `# Ambiguous, so no commands are printed: ${standing.ambiguous} Look at both instances first; open and start nothing.`,
    ];
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
