import { loadServices } from '../config/load.ts';
import { parseRuntime, type Runtime } from '../config/runtime.ts';
import type { Service } from '../config/schema.ts';
import { shapeOf } from '../engine/shape.ts';
import { Refused } from '../errors.ts';
import { createAuth } from '../gcp/auth.ts';
import { clientsOpener } from '../open-clients.ts';
import { runbook } from '../runbook.ts';
import { withTimeLimit } from '../time-limit.ts';
import { checkEnvironment } from './environment.ts';
import { checksOf, type Finding } from './findings.ts';
import { checkRedis } from './redis.ts';
import { checkSlack } from './slack.ts';

/** Looks at everything that a run needs, before a run needs it, and changes nothing. `environment`: only that one. */
export async function examine(request: {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly environment?: string;
}): Promise<readonly Finding[]> {
  const runtime = parseRuntime(request.variables);
  const services = await loadServices(runtime.SERVICES_DIR);
  const places = [...services.values()].flatMap((service) =>
    Object.keys(service.environments)
      .filter((environment) => request.environment === undefined || environment === request.environment)
      .map((environment) => ({ service: service.service, environment })),
  );
  if (places.length === 0) throw new Refused('environment.unknown', `No service file has an environment "${request.environment ?? ''}".`);
  await loadLibraries();
  const [slack, redis] = await Promise.all([checkSlack(runtime, services, shapeOf(runbook)), checkRedis(runtime)]);
  const environments: Finding[] = [];
  for (const place of places) environments.push(...(await checkPlace(runtime, services, place)));
  return [...slack, ...redis, ...environments];
}

/** Loading them takes seconds on a busy machine, in which nothing else is heard: time limits of the looks ran out meanwhile. */
async function loadLibraries(): Promise<void> {
  await import('googleapis/build/src/apis/sqladmin/index.js');
  await import('googleapis/build/src/apis/cloudresourcemanager/index.js');
  await import('@google-cloud/secret-manager');
  await import('@kubernetes/client-node');
}

async function checkPlace(
  runtime: Runtime,
  services: ReadonlyMap<string, Service>,
  place: { readonly service: string; readonly environment: string },
): Promise<readonly Finding[]> {
  try {
    const opened = clientsOpener(runtime, services)(place, {
      guard: () => Promise.reject(new Refused('doctor.changes-nothing', 'The doctor tried to change something; nothing was changed.')),
      signal: withTimeLimit(60_000),
      applicationName: 'pgupgrade/doctor',
      readOnly: true,
    });
    try {
      return await checkEnvironment(opened.clients, runtime, createAuth());
    } finally {
      await opened.close();
    }
  } catch (error) {
    return checksOf(`${place.service} ${place.environment}`)('service file', () => Promise.reject(error));
  }
}
