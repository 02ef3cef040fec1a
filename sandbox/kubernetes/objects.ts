import type { Deployment } from './deployments.ts';

const started = new Date().toISOString();

function metadata(deployment: Deployment) {
  return {
    name: deployment.name,
    namespace: deployment.namespace,
    uid: `${deployment.namespace}-${deployment.name}`,
    resourceVersion: String(deployment.version),
    generation: deployment.generation,
    creationTimestamp: started,
    labels: { app: deployment.name },
    annotations: deployment.annotations,
  };
}

function living(deployment: Deployment) {
  return [...deployment.pods.values()].filter((pod) => !pod.deletion);
}

export function deploymentObject(deployment: Deployment) {
  const pods = living(deployment);
  const ready = pods.filter((pod) => pod.ready).length;
  const env = Object.entries(deployment.environment).map(([name, value]) => ({ name, value }));
  return {
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    metadata: metadata(deployment),
    spec: {
      replicas: deployment.replicas,
      selector: { matchLabels: { app: deployment.name } },
      template: {
        metadata: { labels: { app: deployment.name } },
        spec: { containers: [{ name: 'app', image: `sandbox/${deployment.name}`, env }] },
      },
    },
    status: {
      observedGeneration: deployment.generation,
      replicas: pods.length,
      readyReplicas: ready,
      availableReplicas: ready,
      updatedReplicas: pods.filter((pod) => pod.generation === deployment.generation).length,
    },
  };
}

export function podList(deployments: readonly Deployment[]) {
  return {
    kind: 'PodList',
    apiVersion: 'v1',
    metadata: { resourceVersion: '1' },
    items: deployments.flatMap((deployment) =>
      [...deployment.pods].map(([name, pod]) => ({
        metadata: {
          name,
          namespace: deployment.namespace,
          labels: { app: deployment.name },
          ...pod.deletion,
        },
        status: { phase: pod.phase, conditions: [{ type: 'Ready', status: pod.ready ? 'True' : 'False' }] },
      })),
    ),
  };
}

export function emptyList(kind: string, apiVersion: string) {
  return { kind, apiVersion, metadata: { resourceVersion: '1' }, items: [] as object[] };
}
