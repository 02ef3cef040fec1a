import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Ledger } from '../pods/ledger.ts';
import type { PodKind, PodMessage } from '../pods/messages.ts';
import { deploymentObject } from './objects.ts';
import { createWarmPods } from './warm-pods.ts';

export interface DeploymentSpec {
  readonly namespace: string;
  readonly name: string;
  readonly kind: PodKind;
  readonly replicas: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly pauseMs: number;
}
export interface Deployment extends Omit<DeploymentSpec, 'replicas' | 'environment'> {
  replicas: number;
  environment: Record<string, string>;
  generation: number;
  annotations: Record<string, string>;
  /** New whenever what the API shows of it differs, its status included. */
  version: number;
  /** What the API showed of it when its version was made. */
  shown: string;
  readonly pods: Map<string, Pod>;
}
/** What one request changes. `undefined` removes a setting or an annotation. */
export interface DeploymentChange {
  readonly replicas?: number | undefined;
  readonly settings?: Readonly<Record<string, string | undefined>>;
  readonly annotations?: Readonly<Record<string, string | undefined>>;
}
interface Pod {
  readonly process: ChildProcess;
  readonly generation: number;
  ready: boolean;
  phase: 'Pending' | 'Running';
  /** Once it is deleted: what the API shows of that until the pod is gone. */
  deletion: { readonly deletionTimestamp: string; readonly deletionGracePeriodSeconds: number } | undefined;
  /** Its node has lost contact. */
  lost: boolean;
}
/** Where a pod finds the server that its settings name; what the Cloud SQL connector does for a real pod. */
export type Resolve = (environment: Readonly<Record<string, string>>) => { readonly host: string; readonly port: number };

/** Pods as real processes. Scaling and changed settings end some and start others, as a Deployment does. */
export function createDeployments(options: {
  readonly podEntry: string;
  readonly ledger: Ledger;
  readonly resolve: Resolve;
  readonly flipper: () => string;
  readonly graceMs: number;
}) {
  const deployments = new Map<string, Deployment>();
  const changed = new Set<() => void>();
  const warm = createWarmPods(options.podEntry);
  /** One count for all, as etcd's. */
  let revision = 1;

  function noteChange(deployment: Deployment): void {
    const shown = JSON.stringify(deploymentObject({ ...deployment, version: 0 }));
    if (shown !== deployment.shown) deployment.version = revision += 1;
    deployment.shown = shown;
    for (const hear of changed) hear();
  }

  function start(deployment: Deployment): void {
    const name = `${deployment.name}-${randomBytes(3).toString('hex')}`;
    const { kind, user, password, database, pauseMs } = deployment;
    const settings = {
      name,
      kind,
      ...options.resolve(deployment.environment),
      user,
      password,
      database,
      flipper: options.flipper(),
      pauseMs,
    };
    const process = warm.take(settings);
    warm.fillUpTo([...deployments.values()].reduce((sum, { replicas }) => sum + replicas, 0));
    const pod: Pod = { process, generation: deployment.generation, ready: false, phase: 'Pending', deletion: undefined, lost: false };
    deployment.pods.set(name, pod);
    process.on('message', (message: PodMessage) => {
      if (!pod.ready && (message.type === 'connected' || message.type === 'failed')) {
        // Ready is what its probe would say: it runs and has tried its database.
        pod.phase = 'Running';
        pod.ready = !pod.lost;
        reconcile(deployment);
      }
      options.ledger.hear(`${deployment.namespace}/${name}`, message);
    });
    process.on('exit', () => {
      deployment.pods.delete(name);
      options.ledger.ended(`${deployment.namespace}/${name}`);
      noteChange(deployment);
      if (!pod.deletion) reconcile(deployment);
    });
  }

  function end(pod: Pod): void {
    const { graceMs } = options;
    pod.deletion ??= {
      // As the API server writes it: when the grace is over, in whole seconds.
      deletionTimestamp: new Date(Date.now() + graceMs).toISOString().replace(/\.\d+/, ''),
      deletionGracePeriodSeconds: Math.ceil(graceMs / 1000),
    };
    // Nobody on its node hears of it.
    if (pod.lost) return;
    pod.process.kill('SIGTERM');
    setTimeout(() => pod.process.kill('SIGKILL'), graceMs).unref();
  }

  function reconcile(deployment: Deployment): void {
    const living = [...deployment.pods.values()].filter((pod) => !pod.deletion);
    const current = living.filter((pod) => pod.generation === deployment.generation);
    for (let missing = deployment.replicas - current.length; missing > 0; missing -= 1) start(deployment);
    for (const pod of current.slice(deployment.replicas)) end(pod);
    // A rolling update: old pods go once the new ones are ready.
    const ready = current.filter((pod) => pod.ready).length;
    if (ready >= deployment.replicas) for (const pod of living) if (pod.generation !== deployment.generation) end(pod);
    noteChange(deployment);
  }

  return {
    add(spec: DeploymentSpec, annotations: Record<string, string> = {}): void {
      const environment = { ...spec.environment };
      const deployment: Deployment = { ...spec, environment, generation: 1, annotations, version: 0, shown: '', pods: new Map() };
      deployments.set(`${spec.namespace}/${spec.name}`, deployment);
      reconcile(deployment);
    },
    get: (namespace: string, name: string) => deployments.get(`${namespace}/${name}`),
    list: () => [...deployments.values()],
    /** Changed settings are a new generation: every pod is replaced. */
    change(deployment: Deployment, { replicas, settings = {}, annotations = {} }: DeploymentChange): void {
      const before = JSON.stringify(deployment.environment);
      deployment.replicas = replicas ?? deployment.replicas;
      deployment.environment = merged(deployment.environment, settings);
      deployment.annotations = merged(deployment.annotations, annotations);
      if (JSON.stringify(deployment.environment) !== before) deployment.generation += 1;
      reconcile(deployment);
    },
    /**
     * The pod's node loses contact, or is found again. Lost, it runs on and is not ready; deleted, it stays on the list as
     * Terminating and writes, without a grace, until it is found. Gives whether there is such a pod.
     */
    lose(deployment: Deployment, name: string, lost: boolean): boolean {
      const pod = deployment.pods.get(name);
      if (!pod) return false;
      pod.lost = lost;
      pod.ready = pod.phase === 'Running' && !lost;
      if (pod.deletion) end(pod);
      else reconcile(deployment);
      return true;
    },
    onChange(hear: () => void): () => void {
      changed.add(hear);
      return () => changed.delete(hear);
    },
    async close(): Promise<void> {
      warm.close();
      const pods = [...deployments.values()].flatMap((deployment) => {
        deployment.replicas = 0;
        return [...deployment.pods.values()];
      });
      await Promise.all(
        pods.map(
          (pod) =>
            new Promise<void>((resolve) => {
              if (pod.process.exitCode !== null || pod.process.signalCode !== null) return resolve();
              pod.process.once('exit', () => resolve());
              pod.lost = false;
              end(pod);
            }),
        ),
      );
    },
  };
}
export type Deployments = ReturnType<typeof createDeployments>;

function merged(before: Readonly<Record<string, string>>, change: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const entries = Object.entries({ ...before, ...change });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}
