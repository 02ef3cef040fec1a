import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { AppsV1Api, AutoscalingV2Api, BatchV1Api, CoreV1Api, V1Container, V1CronJob, V1Deployment } from '@kubernetes/client-node';
import { NeedsHuman } from '../errors.ts';
import { classifyKubernetesError, isConflict } from './errors.ts';
import type { WorkloadState } from './types.ts';

interface Apis {
  readonly apps: AppsV1Api;
  readonly core: CoreV1Api;
  readonly autoscaling: AutoscalingV2Api;
  readonly batch: BatchV1Api;
  readonly strategicMerge: Parameters<AppsV1Api['patchNamespacedDeployment']>[1];
}
export interface Deployment {
  readonly name: string;
  readonly namespace: string;
  /** The setting that names the instance: what makes a CronJob of the same service a hidden writer. */
  readonly connection: string;
}

/** Labels and annotations by which GitOps controllers mark what they will put back. */
const gitOps: readonly (readonly [string, string])[] = [
  ['argocd.argoproj.io/tracking-id', 'Argo CD'],
  ['argocd.argoproj.io/instance', 'Argo CD'],
  ['kustomize.toolkit.fluxcd.io/name', 'Flux'],
  ['helm.toolkit.fluxcd.io/name', 'Flux'],
];
/** An annotation of the deployment, not of its pods: they are not restarted for it. */
const changedMark = 'pgupgrade/changed';
/** Its status alone makes new versions, while pods come and go. */
const conflictsAtMost = 10;
/** What ends is waited for with the writes off; what starts needs the processors itself. */
const settleLookMs = { ending: 20, starting: 100 };

/**
 * Deployments through the official client (1.4: the newest that runs on Node 20), loaded at the first use. KUBECONFIG
 * or the in-cluster service account, as `loadFromDefault` finds them.
 */
export function createKubernetes(guard: () => Promise<void>) {
  let loading: Promise<Apis> | undefined;
  const apis = () => {
    loading ??= load();
    return loading;
  };

  async function read({ name, namespace }: Deployment): Promise<V1Deployment> {
    const { apps } = await apis();
    return apps.readNamespacedDeployment({ name, namespace }).catch((error: unknown) => {
      throw classifyKubernetesError(error, `Reading the deployment ${namespace}/${name}`);
    });
  }

  /**
   * One change to the deployment as it was before the lease was looked at (`guard`), or none: a process that was stopped between
   * the look and the request sends it when it wakes up, and it is refused then (409) if anybody has changed the deployment since.
   * Every change leaves a mark, so that it is a new version where nothing else differs too: the API server makes none of a patch
   * without effect. Kubernetes API concepts, "Resource versions"; a patch that names one is applied to that one only.
   */
  async function change(at: Deployment, what: string, specOf: (deployment: V1Deployment) => object): Promise<void> {
    const { apps, strategicMerge } = await apis();
    for (let conflicts = 0; ; conflicts += 1) {
      const deployment = await read(at);
      await guard();
      const metadata = {
        resourceVersion: deployment.metadata?.resourceVersion,
        annotations: { [changedMark]: `${new Date().toISOString()} ${randomUUID()}` },
      };
      const body = { metadata, spec: specOf(deployment) };
      try {
        await apps.patchNamespacedDeployment({ name: at.name, namespace: at.namespace, body }, strategicMerge);
        return;
      } catch (error) {
        if (!isConflict(error) || conflicts >= conflictsAtMost) throw classifyKubernetesError(error, what);
      }
    }
  }

  async function podsOf(deployment: V1Deployment, at: Deployment): Promise<readonly { readonly name: string; readonly ending: boolean }[]> {
    const { core } = await apis();
    const labels = Object.entries(deployment.spec?.selector.matchLabels ?? {});
    const labelSelector = labels.map(([key, value]) => `${key}=${value}`).join(',');
    const pods = await core.listNamespacedPod({ namespace: at.namespace, labelSelector }).catch((error: unknown) => {
      throw classifyKubernetesError(error, `Listing the pods of ${at.namespace}/${at.name}`);
    });
    // Ending pods still write: only those that have ended do not count.
    const alive = pods.items.filter((pod) => pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed');
    return alive.map(({ metadata }) => ({ name: metadata?.name ?? '', ending: metadata?.deletionTimestamp !== undefined }));
  }

  async function undoneBy(at: Deployment): Promise<readonly string[]> {
    const { autoscaling, batch } = await apis();
    const fail = (what: string) => (error: unknown) => {
      throw classifyKubernetesError(error, `${what} in namespace ${at.namespace}`);
    };
    const [deployment, scalers, jobs] = await Promise.all([
      read(at),
      autoscaling.listNamespacedHorizontalPodAutoscaler({ namespace: at.namespace }).catch(fail('Listing the autoscalers')),
      batch.listNamespacedCronJob({ namespace: at.namespace }).catch(fail('Listing the CronJobs')),
    ]);
    const marks = { ...deployment.metadata?.labels, ...deployment.metadata?.annotations };
    return [
      ...scalers.items
        .filter((scaler) => scaler.spec?.scaleTargetRef.kind === 'Deployment' && scaler.spec.scaleTargetRef.name === at.name)
        .map((scaler) => `the autoscaler ${scaler.metadata?.name} would scale ${at.name} up again`),
      ...new Set(
        gitOps.filter(([mark]) => mark in marks).map(([, controller]) => `${controller} would put ${at.name} back to what is in git`),
      ),
      ...jobs.items
        .filter((job) => !job.spec?.suspend && mentions(job, at.connection))
        .map((job) => `the CronJob ${job.metadata?.name} connects by itself (${at.connection})`),
    ];
  }

  return {
    async observe(at: Deployment): Promise<WorkloadState> {
      const deployment = await read(at);
      const pods = await podsOf(deployment, at);
      return {
        replicas: deployment.spec?.replicas ?? 1,
        pods: pods.length,
        ending: pods.filter(({ ending }) => ending).length,
        ready: deployment.status?.readyReplicas ?? 0,
        settings: settingsOf(deployment),
      };
    },

    undoneBy,

    async wanted(at: Deployment): Promise<Pick<WorkloadState, 'replicas' | 'settings'>> {
      const deployment = await read(at);
      return { replicas: deployment.spec?.replicas ?? 1, settings: settingsOf(deployment) };
    },

    scale: (at: Deployment, replicas: number) => change(at, `Scaling ${at.namespace}/${at.name} to ${replicas}`, () => ({ replicas })),

    async settled(at: Deployment, replicas: number, options: { readonly signal: AbortSignal; readonly timeoutMs: number }): Promise<void> {
      const until = Date.now() + options.timeoutMs;
      for (;;) {
        options.signal.throwIfAborted();
        const deployment = await read(at);
        // It was scaled before this call: somebody else has asked for more since. More than what is started is no harm.
        if (replicas === 0 && (deployment.spec?.replicas ?? 1) > 0) throw putBack(deployment, at, replicas);
        const alive = await podsOf(deployment, at);
        // Nobody waits for one that is ending where others are started: it may be on a node that is lost, and the writes are off.
        const pods = replicas === 0 ? alive.length : alive.filter(({ ending }) => !ending).length;
        const current = deployment.status?.observedGeneration === deployment.metadata?.generation;
        if (current && pods === replicas && (deployment.status?.readyReplicas ?? 0) === replicas) return;
        if (Date.now() > until)
          throw tooSlow(deployment, at, { replicas, alive: alive.map(({ name }) => name), afterMs: options.timeoutMs });
        await pause(replicas === 0 ? settleLookMs.ending : settleLookMs.starting);
      }
    },

    set: (at: Deployment, settings: Readonly<Record<string, string | null>>) =>
      change(at, `Changing ${Object.keys(settings).join(', ') || 'no setting'} of ${at.namespace}/${at.name}`, ({ spec }) => {
        const containers = spec?.template.spec?.containers ?? [];
        return { template: { spec: { containers: containers.map((container, index) => patchOf(container, index, settings)) } } };
      }),
  };
}

function putBack(deployment: V1Deployment, at: Deployment, replicas: number): NeedsHuman {
  const writers = (deployment.metadata?.managedFields ?? []).filter((entry) =>
    JSON.stringify(entry.fieldsV1 ?? {}).includes('"f:replicas"'),
  );
  const last = writers.toSorted((left, right) => Number(left.time ?? 0) - Number(right.time ?? 0)).at(-1)?.manager;
  return new NeedsHuman(
    'workloads.put-back',
    `${at.namespace}/${at.name} was scaled to ${replicas} replicas, and somebody else asks for ${deployment.spec?.replicas ?? 1} again${last === undefined ? '' : ` (${last})`}.`,
    { remedy: 'Suspend whatever scales it (an autoscaler, a GitOps controller, a script), then press Retry.' },
  );
}

/** Which pods there are, where they are too many: one that does not end is looked for on its node. */
function tooSlow(
  deployment: V1Deployment,
  { namespace, name }: Deployment,
  { replicas, alive, afterMs }: { readonly replicas: number; readonly alive: readonly string[]; readonly afterMs: number },
): NeedsHuman {
  const ready = deployment.status?.readyReplicas ?? 0;
  const names = alive.length > replicas ? ` (${alive.slice(0, 5).join(', ')})` : '';
  return new NeedsHuman(
    'workloads.slow',
    `${namespace}/${name} has ${alive.length} pods, ${ready} ready, after ${Math.round(afterMs / 1000)} s; ${replicas} were asked for${names}.`,
    { remedy: `Look at kubectl -n ${namespace} get pods, then press Retry.` },
  );
}

async function load(): Promise<Apis> {
  const { KubeConfig, AppsV1Api, CoreV1Api, AutoscalingV2Api, BatchV1Api, PatchStrategy, setHeaderOptions } = await import(
    '@kubernetes/client-node'
  );
  const config = new KubeConfig();
  config.loadFromDefault();
  return {
    apps: config.makeApiClient(AppsV1Api),
    core: config.makeApiClient(CoreV1Api),
    autoscaling: config.makeApiClient(AutoscalingV2Api),
    batch: config.makeApiClient(BatchV1Api),
    strategicMerge: setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
  };
}

function settingsOf(deployment: V1Deployment): Record<string, string> {
  const variables = (deployment.spec?.template.spec?.containers ?? []).flatMap((container) => container.env ?? []);
  return Object.fromEntries(variables.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}

function mentions(job: V1CronJob, variable: string): boolean {
  const containers = job.spec?.jobTemplate.spec?.template.spec?.containers ?? [];
  return containers.some((container) => container.env?.some(({ name }) => name === variable) ?? false);
}

/** A setting goes to every container that has it; one that nobody has yet, to the first. */
function patchOf(container: V1Container, index: number, settings: Readonly<Record<string, string | null>>) {
  const has = new Set((container.env ?? []).map(({ name }) => name));
  const entries = Object.entries(settings).filter(([name, value]) => has.has(name) || (index === 0 && value !== null));
  return { name: container.name, env: entries.map(([name, value]) => (value === null ? { name, $patch: 'delete' } : { name, value })) };
}
