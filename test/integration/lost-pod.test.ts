import { afterEach, beforeEach, expect, test } from 'vitest';
import { createKubernetes } from '../../src/workloads/kubernetes.ts';
import { openOneDeployment } from '../support/one-deployment.ts';

/** A pod that ends at SIGTERM, and one that is on a node without contact: what the API shows, and what the bot makes of it. */
const at = { name: 'writer', namespace: 'here', connection: 'PG' };
let bot: ReturnType<typeof createKubernetes>;
let world: Awaited<ReturnType<typeof openOneDeployment>>;

beforeEach(async () => {
  world = await openOneDeployment();
  bot = createKubernetes(async () => undefined);
  await settled(2);
});
afterEach(async () => world?.close());

const settled = (replicas: number, timeoutMs = 10_000) => bot.settled(at, replicas, { signal: new AbortController().signal, timeoutMs });
const node = (name: string, state: string) => fetch(`${world.base}/_nodes/here/${name}`, { method: 'PUT', body: state });
interface Shown {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string; readonly deletionGracePeriodSeconds?: number };
  readonly status: { readonly phase: string; readonly conditions: readonly object[] };
}
async function shown(): Promise<readonly Shown[]> {
  const answer = await fetch(`${world.base}/api/v1/namespaces/here/pods?labelSelector=app%3Dwriter`, {
    headers: { authorization: `Bearer ${world.token}` },
  });
  return ((await answer.json()) as { items: Shown[] }).items;
}
async function lost(): Promise<string> {
  const [name] = world.deployment.pods.keys();
  expect((await node(name ?? '', 'lost')).status).toBe(200);
  return name ?? '';
}
const read = (name: string) => world.ledger.pods().find((one) => one.name === `here/${name}`)?.read ?? 0;

test('deleted, it stays on the list as terminating, runs on beyond its grace, and the wait for nobody names it', async () => {
  const name = await lost();
  await bot.scale(at, 0);
  await expect(settled(0, 3_000)).rejects.toThrow(`here/writer has 1 pods, 0 ready, after 3 s; 0 were asked for (${name}).`);
  const [first, ...others] = await shown();
  expect(others).toEqual([]);
  expect(first).toMatchObject({
    metadata: { name, deletionGracePeriodSeconds: 2, deletionTimestamp: expect.stringMatching(/^[\d-]+T[\d:]+Z$/) },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] },
  });
  const known = read(name);
  await expect.poll(() => read(name)).toBeGreaterThan(known + 10);
  expect((await shown())[0]).toEqual(first);
});

test('those that were stopped are started again beside it: nobody waits for its end', async () => {
  const name = await lost();
  await bot.scale(at, 0);
  await expect(settled(0, 500)).rejects.toThrow(name);
  await bot.scale(at, 2);
  await settled(2, 5_000);
  expect(await bot.observe(at)).toMatchObject({ replicas: 2, ready: 2 });
  expect((await shown()).map(({ metadata }) => metadata.name)).toContain(name);
});

test('found again it ends as any other', async () => {
  const name = await lost();
  await bot.scale(at, 0);
  await expect(settled(0, 500)).rejects.toThrow(name);
  expect(await (await node(name, 'found')).text()).toBe('found');
  await settled(0);
  expect(await shown()).toEqual([]);
});

test('a node that comes back before anybody deleted its pod makes it ready again', async () => {
  const name = await lost();
  expect(await bot.observe(at)).toMatchObject({ replicas: 2, ready: 1 });
  await node(name, 'found');
  expect(await bot.observe(at)).toMatchObject({ replicas: 2, ready: 2 });
});

test('the switch knows its pods and two words', async () => {
  const name = await lost();
  expect((await node('nobody', 'lost')).status).toBe(404);
  expect((await node(name, 'gone')).status).toBe(400);
  expect(await (await fetch(`${world.base}/_nodes/here/${name}`)).text()).toBe('lost');
});
