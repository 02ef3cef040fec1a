import type { Clients } from './clients.ts';
import { loadServices } from './config/load.ts';
import { parseRuntime } from './config/runtime.ts';
import type { Service } from './config/schema.ts';
import { Refused } from './errors.ts';
import { migrationJobId } from './gcp/names.ts';
import { clientsOpener } from './open-clients.ts';
import { standingFences } from './postgres/fence-ledger.ts';
import { forgetReplicas, mirroredReplicas } from './postgres/replicas-mirror.ts';
import type { Sql } from './postgres/types.ts';
import { unfence } from './postgres/unfence.ts';
import { startOrder } from './workloads/order.ts';

/** The run's name and uid are in the name under which the fence mirrored its ledger on the source. */
const mirrored = /^(?<run>.+)-(?<uid>[a-z0-9]+)$/;

/**
 * The emergency exit: opens the source to its writers again from the ledger that the fence left on it, with Slack, Redis
 * and the worker gone. Google is asked first whether the promotion was called; then it refuses. Idempotent.
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
    { guard: async () => undefined, signal: AbortSignal.timeout(120_000), applicationName: 'pgupgrade/give-back-writes', readOnly: false },
  );
  const { clients } = opened;
  const { source, destination } = clients.target;
  try {
    const sql = await clients.postgres.database('source', 'postgres');
    const fences = await standingFences(sql);
    const replicas = await mirroredReplicas(sql);
    if (fences.length === 0 && Object.keys(replicas).length === 0)
      return [`No fence stands on ${source}, and no application is stopped by the bot: nobody is kept out by it.`];
    const instance = await clients.cloudSql.instance(destination);
    if (instance && instance.instanceType !== 'READ_REPLICA_INSTANCE')
      throw new Refused(
        'promotion.called',
        `${destination} is promoted (Google says ${instance.instanceType}): opening ${source} to writers would split the data in two. Nothing was changed.`,
      );
    const done: string[] = [];
    for (const { run: name, ledger } of fences) {
      const { run = name, uid = '' } = mirrored.exec(name)?.groups ?? {};
      await refusePromoted(clients.dataMigration, migrationJobId({ uid, service: service.service, environment: request.environment }));
      await unfence(sql, name, ledger);
      done.push(
        `${run}: CONNECT and LOGIN on ${source} are as they were before its fence; ${ledger.roles.length} roles may log in again. Writes are on.`,
      );
    }
    if (fences.length === 0) done.push(`No fence stands on ${source}. Writes are on.`);
    return [...done, ...(await startAgain(clients, sql, replicas))];
  } finally {
    await opened.close();
  }
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
