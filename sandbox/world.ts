import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { compiled, ofProject } from './compiled.ts';
import { createGoogle } from './google/google.ts';
import { createDeployments } from './kubernetes/deployments.ts';
import { createKubernetesServer } from './kubernetes/server.ts';
import { channels, groups, people } from './people.ts';
import { createLedger } from './pods/ledger.ts';
import { type BotProcesses, startBot } from './processes.ts';

import { openServers } from './servers/open-servers.ts';
import type { PackageProgress } from './servers/packages.ts';
import { createSlack } from './slack/slack.ts';
import type { Limits } from './slack/types.ts';
import { openSource } from './source.ts';
import type { Cluster, SandboxInfo } from './types.ts';
import { createWatch } from './watch.ts';
import { type Environment, workloadsOf } from './workloads.ts';

const region = 'europe-west3';
const projects: Readonly<Record<string, string>> = { staging: 'ems-mobile-engage-staging', production: 'ems-mobile-engage' };
const kubernetesToken = 'sandbox-kubernetes';

export interface WorldRequest {
  readonly workDir: string;
  /** `staging`, `production` */
  readonly environments: readonly string[];
  /** 10 is about 200 MB. */
  readonly scale: number;
  /** The cloud's minutes, in milliseconds an operation. */
  readonly latencyMs?: number;
  /** Between two writes of one pod. */
  readonly pauseMs?: number;
  /** Wanted ports; one that is taken is replaced by a free one. 0: any. */
  readonly ports?: { readonly slack: number; readonly google: number; readonly kubernetes: number };
  readonly databaseOwner?: 'application' | 'cloudsqlsuperuser';
  /** Whether `postgres` may give itself `cloudsqlexternalsync` on 16 and newer: nobody knows of the real one. On by default. */
  readonly adminOnExternalSync?: boolean;
  readonly onProgress?: (progress: PackageProgress) => void;
  /** Slack's own patience; a busy test machine needs more of it. */
  readonly slackLimits?: Partial<Limits>;
  /** More environment for bot and worker. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** The whole sandbox: real servers, stand-ins, pods; bot and worker from production's own entry points. */
export async function openWorld(request: WorldRequest) {
  await mkdir(request.workDir, { recursive: true, mode: 0o755 });
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of closers.splice(0).reverse()) await end().catch((error: unknown) => console.error(`while closing: ${String(error)}`));
  };
  try {
    const servers = await openServers({ workDir: request.workDir, ...(request.onProgress ? { onProgress: request.onProgress } : {}) });
    closers.push(() => servers.close());
    await forgetRuns(servers.redis.url);
    const environments = request.environments.map((name): Environment => ({ name, region, project: projects[name] ?? `sandbox-${name}` }));
    const [first, ...others] = environments.map(({ project }) => project);
    if (first === undefined) throw new Error('A world needs at least one environment.');
    const google = createGoogle({
      fleet: servers.fleet,
      port: await portOr(request.ports?.google ?? 0),
      projects: [first, ...others],
      ...(request.latencyMs === undefined ? {} : { latencyMs: request.latencyMs }),
      ...(request.adminOnExternalSync === undefined ? {} : { adminOnExternalSync: request.adminOnExternalSync }),
    });
    const sources = new Map<string, Cluster>();
    for (const environment of environments) sources.set(environment.name, await openSource(servers.fleet, google, environment, request));
    const googleUrl = await google.listen();
    closers.push(() => google.close());

    const ledger = createLedger();
    const flags = new Map([['ASYNC_AUDIENCE_CREATION_ENABLED', 'off']]);
    const deployments = createDeployments({
      podEntry: compiled('sandbox/pods/pod.js'),
      ledger,
      graceMs: 2_000,
      flipper: () => kubernetes.flipper(),
      resolve: (settings) => {
        const connectionString = settings['PG_CONNECTION_STRING'];
        if (connectionString !== undefined) {
          const { hostname, port } = new URL(connectionString);
          return { host: hostname, port: Number(port || servers.fleet.list()[0]?.port) };
        }
        const instance = servers.fleet.get(settings['PG_INSTANCE_CONNECTION_NAME']?.split(':').at(-1) ?? '');
        // An instance that does not exist: nobody listens there.
        return instance ? { host: instance.host, port: instance.port } : { host: '127.0.0.1', port: 9 };
      },
    });
    closers.push(() => deployments.close());
    const kubernetes = createKubernetesServer({
      port: await portOr(request.ports?.kubernetes ?? 0),
      token: kubernetesToken,
      deployments,
      flags,
    });
    const kubernetesUrl = await kubernetes.listen();
    closers.push(() => kubernetes.close());
    const kubeconfig = join(request.workDir, 'kubeconfig');
    await writeFile(kubeconfig, kubernetes.kubeconfig(), { mode: 0o600 });

    const watch = createWatch({ fleet: servers.fleet, ledger, deployments, flags, redisUrl: servers.redis.url });
    closers.push(() => watch.close());
    const slack = createSlack({
      port: await portOr(request.ports?.slack ?? 0),
      users: people,
      channels,
      usergroups: groups,
      world: watch,
      ...(request.slackLimits ? { limits: request.slackLimits } : {}),
    });
    const slackUrl = await slack.listen();
    closers.push(() => slack.close());

    for (const environment of environments) {
      const source = sources.get(environment.name);
      if (source) for (const spec of await workloadsOf(environment, source, request.pauseMs ?? 20)) deployments.add(spec);
    }

    const port = servers.fleet.list()[0]?.port ?? 0;
    const botEnvironment = {
      SLACK_API_URL: `${slackUrl}/api/`,
      SLACK_BOT_TOKEN: 'xoxb-sandbox',
      SLACK_APP_TOKEN: 'xapp-sandbox',
      GCP_ENDPOINT: googleUrl,
      GCE_METADATA_HOST: googleUrl.replace('http://', ''),
      METADATA_SERVER_DETECTION: 'assume-present',
      GOOGLE_CLOUD_PROJECT: environments[0]?.project ?? 'sandbox',
      KUBECONFIG: kubeconfig,
      CLOUDSQL_PATCHED_ROLE: 'cloudsqlpatched',
      PGPORT: String(port),
      REDIS_URL: servers.redis.url,
      SERVICES_DIR: ofProject('services'),
      ...request.environment,
    };
    const processes = new Set<BotProcesses>();
    closers.push(() => Promise.all([...processes].map((one) => one.close())));

    return {
      servers,
      google,
      slack,
      ledger,
      deployments,
      kubernetes,
      flags,
      watch,
      environments,
      environment: botEnvironment,
      source: (name: string) => sources.get(name),
      /** Starts `bot` or `worker` as its own process; several side by side are fine. */
      async start(role: 'bot' | 'worker', options: Parameters<typeof startBot>[2] = {}): Promise<BotProcesses> {
        const started = await startBot(
          role,
          { ...botEnvironment, ...options.environment },
          { log: join(request.workDir, 'logs', `${role}.log`), ...options },
        );
        processes.add(started);
        return started;
      },
      /** Resolves once the environment's pods have what was asked for, and the partition queue is empty. */
      async settled(name: string): Promise<void> {
        const own = () => deployments.list().filter(({ namespace }) => namespace === `inapp-${name}`);
        await new Promise<void>((resolve) => {
          const look = () => {
            if (!own().every(({ replicas, pods }) => pods.size === replicas)) return;
            off();
            resolve();
          };
          const off = deployments.onChange(look);
          look();
        });
      },
      info: (): SandboxInfo => ({
        slack: slackUrl,
        google: googleUrl,
        kubernetes: kubernetesUrl,
        redis: servers.redis.url,
        instances: servers.fleet.list().map((cluster) => ({
          name: cluster.name,
          version: cluster.version,
          host: cluster.host,
          port: cluster.port,
          adminUrl: `postgres://${cluster.admin.user}:${encodeURIComponent(cluster.admin.password)}@${cluster.host}:${cluster.port}/postgres`,
        })),
        pids: Object.fromEntries([...processes].map((one) => [one.role, one.pid])),
      }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
export type World = Awaited<ReturnType<typeof openWorld>>;

/** The instances are new: a run of an earlier world would find none of what it made. */
async function forgetRuns(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.flushall();
  redis.disconnect();
}

/** The wanted port, or any free one where it is taken. */
async function portOr(wanted: number): Promise<number> {
  if (wanted === 0) return 0;
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(0));
    probe.listen(wanted, '127.0.0.1', () => probe.close(() => resolve(wanted)));
  });
}
