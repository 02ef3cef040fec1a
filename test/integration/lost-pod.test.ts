import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createDeployments, type Deployment, type Deployments } from '../../sandbox/kubernetes/deployments.ts';
import { createKubernetesServer } from '../../sandbox/kubernetes/server.ts';
import { createLedger } from '../../sandbox/pods/ledger.ts';
import { createKubernetes } from '../../src/workloads/kubernetes.ts';

/** A pod that ends at SIGTERM, and one that is on a node without contact: what the API shows, and what the bot makes of it. */
const token = 'a-token';
const at = { name: 'writer', namespace: 'here', connection: 'PG' };
const pod = `
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
process.send({ type: 'connected', at: Date.now(), server: 'nowhere' });
setInterval(() => process.send({ type: 'read', at: Date.now(), server: 'nowhere' }), 10);`;
const workDir = { path: '' };
const configBefore = process.env['KUBECONFIG'];
let deployments: Deployments;
let server: ReturnType<typeof createKubernetesServer>;
let base: string;
let deployment: Deployment;
let bot: ReturnType<typeof createKubernetes>;
const ledger = createLedger();

beforeAll(async () => {
  workDir.path = await mkdtemp(join(tmpdir(), 'pgupgrade-pods-'));
  await writeFile(join(workDir.path, 'pod.mjs'), pod);
});
beforeEach(async () => {
  deployments = createDeployments({
    podEntry: join(workDir.path, 'pod.mjs'),
    ledger,
    resolve: () => ({ host: 'nowhere', port: 1 }),
    flipper: () => '',
    graceMs: 2_000,
  });
  server = createKubernetesServer({ port: 0, token, deployments, flags: new Map() });
  base = await server.listen();
  const config = join(workDir.path, 'kubeconfig');
  await writeFile(config, server.kubeconfig());
  process.env['KUBECONFIG'] = config;
  bot = createKubernetes(async () => undefined);
  deployments.add({
    namespace: 'here',
    name: 'writer',
    kind: 'worker',
    replicas: 2,
    environment: {},
    user: '',
    password: '',
    database: '',
    pauseMs: 0,
  });
  deployment = deployments.get('here', 'writer') as Deployment;
  await settled(2);
});
afterEach(async () => {
  await deployments.close();
  await server.close();
});
afterAll(async () => {
  if (configBefore === undefined) delete process.env['KUBECONFIG'];
  else process.env['KUBECONFIG'] = configBefore;
  await rm(workDir.path, { recursive: true, force: true });
});

const settled = (replicas: number, timeoutMs = 10_000) => bot.settled(at, replicas, { signal: new AbortController().signal, timeoutMs });
const node = (name: string, state: string) => fetch(`${base}/_nodes/here/${name}`, { method: 'PUT', body: state });
interface Shown {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string; readonly deletionGracePeriodSeconds?: number };
  readonly status: { readonly phase: string; readonly conditions: readonly object[] };
}
async function shown(): Promise<readonly Shown[]> {
  const answer = await fetch(`${base}/api/v1/namespaces/here/pods?labelSelector=app%3Dwriter`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return ((await answer.json()) as { items: Shown[] }).items;
}
async function lost(): Promise<string> {
  const [name] = deployment.pods.keys();
  expect((await node(name ?? '', 'lost')).status).toBe(200);
  return name ?? '';
}
const read = (name: string) => ledger.pods().find((one) => one.name === `here/${name}`)?.read ?? 0;

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
  expect(await (await fetch(`${base}/_nodes/here/${name}`)).text()).toBe('lost');
});
