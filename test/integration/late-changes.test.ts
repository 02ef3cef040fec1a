import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Clients } from '../../src/clients.ts';
import type { RunView } from '../../src/engine/step.ts';
import { switchServices } from '../../src/steps/switch-to-the-new-instance/switch-services.ts';
import { createKubernetes } from '../../src/workloads/kubernetes.ts';
import { createWorkloads } from '../../src/workloads/workloads.ts';
import { openOneDeployment } from '../support/one-deployment.ts';

/**
 * A worker that is stopped between its look at the lease and its request sends it when it wakes up. Here what others did meanwhile
 * happens inside that look: the first says yes, as it was when it was asked, and every further one no.
 */
const at = { name: 'writer', namespace: 'here', connection: 'PG' };
let other: ReturnType<typeof createKubernetes>;
let world: Awaited<ReturnType<typeof openOneDeployment>>;

beforeEach(async () => {
  world = await openOneDeployment();
  other = createKubernetes(async () => undefined);
  await other.settled(at, 2, { signal: new AbortController().signal, timeoutMs: 10_000 });
});
afterEach(async () => world?.close());

function stoppedWhile(happens: () => Promise<unknown>) {
  let looks = 0;
  return createKubernetes(async () => {
    looks += 1;
    if (looks > 1) throw new Error('the lease is lost');
    await happens();
  });
}
const changes = () => world.server.log.filter(({ method }) => method !== 'GET').map(({ code }) => code);
const pods = () => [...world.deployment.pods.keys()];
async function send(body: object, type = 'application/strategic-merge-patch+json') {
  const headers = { authorization: `Bearer ${world.token}`, 'content-type': type };
  const url = `${world.base}/apis/apps/v1/namespaces/here/deployments/writer`;
  const answer = await fetch(url, { method: 'PATCH', headers, body: JSON.stringify(body) });
  return { code: answer.status, object: (await answer.json()) as { metadata: { resourceVersion: string }; message?: string } };
}

describe('what was checked before others changed the deployment, and sent after', () => {
  test('stops nobody who was given back, although the replicas were never others', async () => {
    const before = pods();
    const late = stoppedWhile(() => other.scale(at, 2));
    await expect(late.scale(at, 0)).rejects.toThrow('the lease is lost');
    expect(changes()).toEqual([200, 409]);
    expect(world.deployment).toMatchObject({ replicas: 2, generation: 1 });
    expect(pods()).toEqual(before);
  });

  test('switches nobody whose settings were put back, although they were never others', async () => {
    const before = pods();
    const late = stoppedWhile(() => other.set(at, {}));
    await expect(late.set(at, { PG: 'the new instance' })).rejects.toThrow('the lease is lost');
    expect(changes()).toEqual([200, 409]);
    expect(world.deployment).toMatchObject({ environment: {}, generation: 1 });
    expect(pods()).toEqual(before);
  });

  test('switches nobody after the return to the source, which had found nothing to put back', async () => {
    await other.set(at, { PG: 'p:r:old' });
    const workloads: Clients['target']['workloads'] = {
      writer: { driver: 'kubernetes', namespace: 'here', connection: 'PG', reads: false },
    };
    const target: Pick<Clients['target'], 'workloads'> = { workloads };
    const known = { target: target as Clients['target'], workloads: createWorkloads(workloads, async () => undefined) };
    const clients = known satisfies Partial<Clients> as Clients;
    const run = { recall: (key: string) => (key === 'replacements' ? [{ from: 'p:r:old', to: 'p:r:new' }] : undefined) } as RunView;
    const undo = switchServices.undo as (clients: Clients, run: RunView) => Promise<void>;
    const late = stoppedWhile(() => undo(clients, run));
    await expect(late.set(at, { PG: 'p:r:new' })).rejects.toThrow('the lease is lost');
    expect(world.deployment.environment).toEqual({ PG: 'p:r:old' });
  });

  test('starts nobody who was stopped anew', async () => {
    const late = stoppedWhile(async () => {
      await other.scale(at, 2);
      await other.scale(at, 0);
    });
    await expect(late.scale(at, 2)).rejects.toThrow('the lease is lost');
    expect(world.deployment.replicas).toBe(0);
  });
});

describe('whoever holds the lease', () => {
  test('asks again where only pods came or went', async () => {
    let looks = 0;
    const holder = createKubernetes(async () => {
      looks += 1;
      if (looks < 3) world.deployments.lose(world.deployment, pods()[0] ?? '', looks === 1);
    });
    await holder.scale(at, 0);
    expect(changes()).toEqual([409, 409, 200]);
    expect(world.deployment.replicas).toBe(0);
  });

  test('leaves it for a while to whoever changes it all the time', async () => {
    const contested = createKubernetes(() => other.scale(at, 2));
    await expect(contested.scale(at, 0)).rejects.toMatchObject({
      code: 'workloads.busy',
      message: expect.stringMatching(/^Scaling here\/writer to 0: .*the object has been modified/),
    });
    expect(changes().filter((code) => code === 409)).toHaveLength(11);
    expect(world.deployment.replicas).toBe(2);
  });
});

describe('the stand-in, as the API server', () => {
  test('makes a new version of a change only, and refuses a request for an older one', async () => {
    const first = await send({ metadata: { annotations: { a: '1' } } });
    const same = await send({ metadata: { annotations: { a: '1' } }, spec: { replicas: 2 } });
    expect(same.object.metadata.resourceVersion).toBe(first.object.metadata.resourceVersion);
    const second = await send({ metadata: { annotations: { a: null }, resourceVersion: first.object.metadata.resourceVersion } });
    expect(second.code).toBe(200);
    expect(Number(second.object.metadata.resourceVersion)).toBeGreaterThan(Number(first.object.metadata.resourceVersion));
    const stale = await send({ metadata: { resourceVersion: first.object.metadata.resourceVersion }, spec: { replicas: 0 } });
    expect(stale).toMatchObject({ code: 409, object: { message: expect.stringContaining('the object has been modified') } });
    expect(world.deployment).toMatchObject({ replicas: 2, annotations: {} });
  });
});
