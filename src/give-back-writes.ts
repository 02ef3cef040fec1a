import type { Clients } from './clients.ts';
import { loadServices } from './config/load.ts';
import { parseRuntime } from './config/runtime.ts';
import type { Service } from './config/schema.ts';
import { Refused } from './errors.ts';
import { migrationJobId } from './gcp/names.ts';
import { clientsOpener } from './open-clients.ts';
import { type StandingFence, standingFences } from './postgres/fence-ledger.ts';
import { ifItAnswers } from './postgres/reachable.ts';
import { forgetReplicas, mirroredReplicas } from './postgres/replicas-mirror.ts';
import type { Sql } from './postgres/types.ts';
import { unfence } from './postgres/unfence.ts';
import { withTimeLimit } from './time-limit.ts';
import { startOrder } from './workloads/order.ts';

const oldAnswersWithinMs = 5_000;
/** The run's name and uid are in the name under which the fence mirrored its ledger on the source. */
const mirrored = /^(?<run>.+)-(?<uid>[a-z0-9]+)$/;

/**
 * The emergency exit: opens the source to its writers again from the ledger that the fence left on it, with Slack, Redis
 * and the worker gone. Google is asked first whether the promotion was called; then it refuses, unless a rollback has
 * closed the new instance and not opened the old one yet: then the new one is opened. Idempotent.
 * Gives what was done, one sentence a line.
 */
export async function giveBackWrites(request: {
  readonly environment: string;
  readonly service?: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
}): Promise<readonly string[]> {
  const runtime = parseRuntime(request.variables);
  const services = await loadServices(runtime.SERVICES_DIR);
  const service = chosen(services, request.service);
  const opened = clientsOpener(runtime, services)(
    { service: service.service, environment: request.environment },
    { guard: async () => undefined, signal: withTimeLimit(120_000), applicationName: 'pgupgrade/give-back-writes', readOnly: false },
  );
  const { clients } = opened;
  const { source, destination } = clients.target;
  try {
    const instance = await clients.cloudSql.instance(destination);
    const promoted = instance !== undefined && instance.instanceType !== 'READ_REPLICA_INSTANCE';
    const reaching = clients.postgres.database('source', 'postgres');
    // A rollback's writes are given back on the new instance, where the old one may be the very trouble.
    const onSource = promoted ? await ifItAnswers(reaching.then(standingFences), oldAnswersWithinMs) : undefined;
    const ofRollback = promoted ? await giveBackRollback(clients, onSource) : undefined;
    if (ofRollback) return ofRollback;
    const sql = await reaching;
    const fences = await standingFences(sql);
    const replicas = await mirroredReplicas(sql);
    if (fences.length === 0 && Object.keys(replicas).length === 0)
      return [`No fence stands on ${source}, and no application is stopped by the bot: nobody is kept out by it.`];
    if (promoted)
      throw new Refused(
        'promotion.called',
        `${destination} is promoted (Google says ${instance.instanceType}): opening ${source} to writers would split the data in two. Nothing was changed.`,
      );
    const done: string[] = [];
    for (const fence of fences) {
      const { uid = '' } = mirrored.exec(fence.run)?.groups ?? {};
      await refusePromoted(clients.dataMigration, migrationJobId({ uid, service: service.service, environment: request.environment }));
      done.push(await open(sql, source, fence));
    }
    if (fences.length === 0) done.push(`No fence stands on ${source}. Writes are on.`);
    return [...done, ...(await startAgain(clients, sql, replicas))];
  } finally {
    await opened.close();
  }
}

/**
 * A rollback's write stop leaves its ledger on the new instance, and says there that it is final before the old one is opened. As
 * long as the old one, if it answers, is still closed by the same run's fence, the new one is the only one that was written to.
 * `undefined`: no rollback has stopped anybody.
 */
async function giveBackRollback(clients: Clients, onSource: readonly StandingFence[] | undefined): Promise<readonly string[] | undefined> {
  const { source, destination } = clients.target;
  const sql = await clients.postgres.database('destination', 'postgres');
  const [fences, replicas] = [await standingFences(sql), await mirroredReplicas(sql)];
  if (fences.length === 0 && Object.keys(replicas).length === 0) return undefined;
  const closed = onSource === undefined || (onSource.length > 0 && fences.every(({ run }) => onSource.some((one) => one.run === run)));
  if (!closed || fences.some(({ final }) => final))
    throw new Refused(
      'rollback.opened',
      `${source} is open to its writers again, or is about to be, so the rollback went through: opening ${destination} too would split the data in two. Nothing was changed.`,
    );
  const done: string[] = [];
  for (const fence of fences) done.push(await open(sql, destination, fence));
  if (fences.length === 0) done.push(`No fence stands on ${destination}. Writes are on.`);
  return [...done, ...(await startAgain(clients, sql, replicas))];
}

async function open(sql: Sql, instance: string, { run: name, ledger }: StandingFence): Promise<string> {
  await unfence(sql, name, ledger);
  const { run = name } = mirrored.exec(name)?.groups ?? {};
  return `${run}: CONNECT and LOGIN on ${instance} are as they were before its fence; ${ledger.roles.length} roles may log in again. Writes are on.`;
}

function chosen(services: ReadonlyMap<string, Service>, name: string | undefined): Service {
  const [only, second] = [...services.values()];
  const service = name === undefined && second === undefined ? only : services.get(name ?? '');
  if (!service) throw new Refused('service.which', `Name the service: --service ${[...services.keys()].join(' or ')}.`);
  return service;
}

async function refusePromoted(
  dataMigration: ReturnType<ReturnType<typeof clientsOpener>>['clients']['dataMigration'],
  id: string,
): Promise<void> {
  const [job, running] = await Promise.all([dataMigration.job(id), dataMigration.runningOperations(id)]);
  const promoting = running.some(({ metadata }) => metadata?.['verb'] === 'promote');
  if (promoting || job?.phase === 'PROMOTE_IN_PROGRESS' || job?.state === 'COMPLETED')
    throw new Refused(
      'promotion.called',
      `The promotion of migration job ${id} was called (${job?.state}, ${job?.phase}): opening the source to writers could split the data in two. Nothing was changed.`,
    );
}

/** The applications at their former replicas, in the order in which they start; what cannot be reached is left to people, with its numbers. */
async function startAgain(
  { target, workloads }: Pick<Clients, 'target' | 'workloads'>,
  sql: Sql,
  replicas: Readonly<Record<string, number>>,
): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const name of startOrder(target).flat()) {
    const count = replicas[name];
    if (count === undefined) continue;
    const { namespace, driver } = target.workloads[name] ?? {};
    const byHand = driver === 'manual' ? `Start ${name} again by hand, with ${count} replicas.` : undefined;
    const failure =
      byHand ??
      (await workloads.scale(name, count).then(
        () => undefined,
        (error: unknown) =>
          `${error instanceof Error ? error.message : String(error)} Run: kubectl -n ${namespace} scale deployment ${name} --replicas=${count}`,
      ));
    lines.push(failure ?? `${name} is scaled to ${count} replicas again.`);
    if (failure === undefined) await forgetReplicas(sql, [name]);
  }
  return lines;
}
