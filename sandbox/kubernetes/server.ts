import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Deployment, Deployments } from './deployments.ts';
import { deploymentObject, emptyList, podList } from './objects.ts';

const mergePatch = 'application/merge-patch+json';
const strategicMergePatch = 'application/strategic-merge-patch+json';

/** An answer in Kubernetes' own form of failure. */
class Failure extends Error {
  readonly code: number;
  readonly reason: string;
  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

interface DeploymentPatch {
  readonly metadata?: { readonly resourceVersion?: string; readonly annotations?: Readonly<Record<string, string | null>> };
  readonly spec?: {
    readonly replicas?: number;
    readonly template?: { readonly spec?: { readonly containers?: readonly ContainerPatch[] } };
  };
}
interface ContainerPatch {
  readonly name?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly $patch?: 'delete' }[];
}

/**
 * The few paths that stopping, switching and starting needs. Bearer token demanded, but not by what is the sandbox's own: the
 * feature flags under /_flipper, and /_nodes/<namespace>/<pod>, where `lost` or `found` (PUT) says what became of that pod's node.
 */
export function createKubernetesServer(options: {
  readonly port: number;
  readonly token: string;
  readonly deployments: Deployments;
  readonly flags: Map<string, string>;
}) {
  const log: { readonly method: string; readonly path: string; readonly code: number }[] = [];
  const autoscalers: object[] = [];
  const cronJobs: object[] = [];
  let base = '';

  function find(namespace: string, name: string): Deployment {
    const deployment = options.deployments.get(namespace, name);
    if (!deployment) throw new Failure(404, 'NotFound', `deployments.apps "${name}" not found`);
    return deployment;
  }

  function settingsOf(deployment: Deployment, containers: readonly ContainerPatch[]): Readonly<Record<string, string | undefined>> {
    if (containers.some(({ name }) => name !== 'app'))
      throw new Failure(
        422,
        'Invalid',
        `Deployment.apps "${deployment.name}" is invalid: spec.template.spec.containers: a container needs its image`,
      );
    const variables = containers.flatMap(({ env }) => env ?? []);
    return Object.fromEntries(variables.map(({ name, value, $patch }) => [name, $patch === 'delete' ? undefined : value]));
  }

  function patch(deployment: Deployment, contentType: string, { metadata, spec }: DeploymentPatch): void {
    const containers = spec?.template?.spec?.containers;
    if (contentType !== mergePatch && contentType !== strategicMergePatch)
      throw new Failure(
        415,
        'UnsupportedMediaType',
        `the body of the request was in an unknown format - accepted media types include: ${mergePatch}, ${strategicMergePatch}`,
      );
    if (containers && contentType !== strategicMergePatch) throw new Failure(422, 'Invalid', 'a merge patch would replace all containers');
    if (metadata?.resourceVersion !== undefined && metadata.resourceVersion !== String(deployment.version))
      throw new Failure(
        409,
        'Conflict',
        `Operation cannot be fulfilled on deployments.apps "${deployment.name}": the object has been modified; please apply your changes to the latest version and try again`,
      );
    const replicas = spec?.replicas;
    if (replicas !== undefined && (!Number.isInteger(replicas) || replicas < 0))
      throw new Failure(422, 'Invalid', `spec.replicas: Invalid value: ${replicas}`);
    const marks = Object.entries(metadata?.annotations ?? {}).map(([name, value]) => [name, value ?? undefined] as const);
    options.deployments.change(deployment, {
      replicas,
      settings: settingsOf(deployment, containers ?? []),
      annotations: Object.fromEntries(marks),
    });
  }

  function answer(request: IncomingMessage, url: URL, body: string): object {
    if (request.headers.authorization !== `Bearer ${options.token}`) throw new Failure(401, 'Unauthorized', 'Unauthorized');
    const deployment = /^\/apis\/apps\/v1\/namespaces\/([^/]+)\/deployments\/([^/]+)$/.exec(url.pathname);
    if (deployment) {
      const [, namespace = '', name = ''] = deployment;
      const found = find(namespace, name);
      if (request.method === 'PATCH') patch(found, request.headers['content-type'] ?? '', JSON.parse(body) as DeploymentPatch);
      else if (request.method !== 'GET')
        throw new Failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
      return deploymentObject(found);
    }
    if (request.method !== 'GET')
      throw new Failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
    const pods = /^\/api\/v1\/namespaces\/([^/]+)\/pods$/.exec(url.pathname);
    if (pods) {
      const app = /^app=(.+)$/.exec(url.searchParams.get('labelSelector') ?? '')?.[1];
      return podList(options.deployments.list().filter((one) => one.namespace === pods[1] && (app === undefined || one.name === app)));
    }
    if (/^\/apis\/autoscaling\/v2\/namespaces\/[^/]+\/horizontalpodautoscalers$/.test(url.pathname))
      return { ...emptyList('HorizontalPodAutoscalerList', 'autoscaling/v2'), items: autoscalers };
    if (/^\/apis\/batch\/v1\/namespaces\/[^/]+\/cronjobs$/.test(url.pathname))
      return { ...emptyList('CronJobList', 'batch/v1'), items: cronJobs };
    throw new Failure(404, 'NotFound', 'the server could not find the requested resource');
  }

  function flipper(request: IncomingMessage, response: ServerResponse, name: string, body: string): void {
    if (request.method === 'PUT') options.flags.set(name, body);
    response.writeHead(200, { 'content-type': 'text/plain' }).end(options.flags.get(name) ?? 'off');
  }

  function nodes(request: IncomingMessage, response: ServerResponse, namespace: string, pod: string, body: string): void {
    const known = options.deployments.list().find((one) => one.namespace === namespace && one.pods.has(pod));
    const said = request.method !== 'PUT' || body === 'lost' || body === 'found';
    if (known && said && request.method === 'PUT') options.deployments.lose(known, pod, body === 'lost');
    const state = known?.pods.get(pod)?.lost ? 'lost' : 'found';
    response
      .writeHead(!known ? 404 : said ? 200 : 400, { 'content-type': 'text/plain' })
      .end(known && said ? state : 'no such pod or state');
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const url = new URL(request.url ?? '/', base);
    const flag = /^\/_flipper\/(\w+)$/.exec(url.pathname)?.[1];
    if (flag) return flipper(request, response, flag, body);
    const [, namespace, pod] = /^\/_nodes\/([^/]+)\/([^/]+)$/.exec(url.pathname) ?? [];
    if (namespace !== undefined && pod !== undefined) return nodes(request, response, namespace, pod, body);
    const logged = (code: number) => log.push({ method: request.method ?? '', path: url.pathname, code });
    try {
      const object = answer(request, url, body);
      logged(200);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(object));
    } catch (error) {
      const failure = error instanceof Failure ? error : new Failure(500, 'InternalError', String(error));
      const status = {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        reason: failure.reason,
        message: failure.message,
        code: failure.code,
      };
      logged(failure.code);
      response.writeHead(failure.code, { 'content-type': 'application/json' }).end(JSON.stringify(status));
    }
  }

  const server = createServer((request, response) => void serve(request, response));
  return {
    /** Every request to the API and how it was answered. */
    log,
    autoscalers,
    cronJobs,
    flipper: () => `${base}/_flipper`,
    async listen(): Promise<string> {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port, '127.0.0.1', resolve);
      });
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      return base;
    },
    /** What `KUBECONFIG` names: plain http needs the check of certificates off. */
    kubeconfig: () =>
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        'current-context': 'sandbox',
        clusters: [{ name: 'sandbox', cluster: { server: base, 'insecure-skip-tls-verify': true } }],
        users: [{ name: 'sandbox', user: { token: options.token } }],
        contexts: [{ name: 'sandbox', context: { cluster: 'sandbox', user: 'sandbox' } }],
      }),
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
