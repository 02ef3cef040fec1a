import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { iamToken } from '../../sandbox/servers/roles.ts';
import { withSession } from '../../sandbox/servers/session.ts';
import type { Clients } from '../../src/clients.ts';
import { loadServices } from '../../src/config/load.ts';
import type { Runtime } from '../../src/config/runtime.ts';
import type { Observation, RunView, Step } from '../../src/engine/step.ts';
import { Transient } from '../../src/errors.ts';
import { clientsOpener, type OpenedClients } from '../../src/open-clients.ts';
import { runbook } from '../../src/runbook.ts';
import type { WorkloadState, Workloads } from '../../src/workloads/types.ts';
import { destination, type GoogleWorld, openGoogleWorld, project, source } from '../support/google-world.ts';
import { type RecordingRun, recordingRun } from '../support/step-run.ts';

/** One run walks the runbook up to the switch against Google's stand-in and real servers, with writers that notice. */
let world: GoogleWorld;
let opened: OpenedClients;
let clients: Clients;
const ledger: RecordingRun['ledger'] = new Map();
const application = `me-inapp@${project}.iam`;
const steps = runbook.flatMap((phase) => phase.steps);
const writers = new Map<string, { stop(): Promise<void> }>();
const acknowledged = { [source]: 0, [destination]: 0 };
const states = new Map<string, { replicas: number; settings: Record<string, string> }>();

const at = (name: string) => {
  const cluster = world.fleet.get(name);
  if (!cluster) throw new Error(`no instance ${name}`);
  return cluster;
};

/** Writes through a connection of its own, again and again, to the instance that its setting names. */
function writer(workload: string): { stop(): Promise<void> } {
  let on = true;
  const running = (async () => {
    while (on) {
      const name =
        Object.values(states.get(workload)?.settings ?? {})[0]
          ?.split(':')
          .at(-1) ?? '';
      const { host, port, serverCa } = at(name);
      const client = new Client({
        host,
        port,
        user: application,
        password: iamToken,
        database: 'inapp',
        application_name: workload,
        ssl: { ca: serverCa, checkServerIdentity: () => undefined },
      });
      client.on('error', () => undefined);
      try {
        await client.connect();
        for (let turn = 0; turn < 20 && on; turn += 1) {
          await client.query('insert into pod_write (id, pod, seq) values (gen_random_uuid(), $1, $2)', [workload, turn]);
          acknowledged[name as typeof source] += 1;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  })();
  return {
    async stop() {
      on = false;
      await running;
    },
  };
}

const workloads: Workloads = {
  driver: () => 'kubernetes',
  async observe(name): Promise<WorkloadState> {
    const { replicas, settings } = states.get(name) ?? { replicas: 0, settings: {} };
    return { replicas, pods: replicas, ending: 0, ready: replicas, settings };
  },
  undoneBy: async () => [],
  wanted: async (name) => states.get(name),
  async scale(name, replicas) {
    const state = states.get(name);
    if (state) states.set(name, { ...state, replicas });
    if (replicas === 0) {
      await writers.get(name)?.stop();
      writers.delete(name);
    } else if (name.startsWith('inapp-') && !writers.has(name)) writers.set(name, writer(name));
  },
  settled: async () => undefined,
  async set(name, settings) {
    const state = states.get(name);
    const next = { ...state?.settings };
    for (const [key, value] of Object.entries(settings))
      if (value === null) delete next[key];
      else next[key] = value;
    if (state) states.set(name, { ...state, settings: next });
  },
};

beforeAll(async () => {
  world = await openGoogleWorld();
  world.google.putSecret(project, 'database-password-inapp-bigquery', 'bigquery-password');
  const services = await loadServices('services');
  const runtime = { GCP_ENDPOINT: world.endpoint, PGPORT: at(source).port, CLOUDSQL_PATCHED_ROLE: 'cloudsqlpatched' } as Runtime;
  process.env['GOOGLE_CLOUD_PROJECT'] = project;
  opened = clientsOpener(runtime, services)(
    { service: 'inapp', environment: 'staging' },
    { guard: async () => undefined, signal: new AbortController().signal, applicationName: 'pgupgrade/PG-1/walk/1', readOnly: false },
  );
  clients = { ...opened.clients, workloads };
  for (const [name, { connection }] of Object.entries(clients.target.workloads)) {
    const value =
      connection === 'PG_CONNECTION_STRING'
        ? `postgres://me@${at(source).host}:${at(source).port}/inapp`
        : `${project}:europe-west3:${source}`;
    states.set(name, { replicas: name === 'audience-partition-creation' ? 0 : 2, settings: { [connection]: value } });
  }
  for (const name of ['inapp-web', 'inapp-worker']) writers.set(name, writer(name));
}, 180_000);
afterAll(async () => {
  for (const one of writers.values()) await one.stop();
  await opened?.close();
  await world?.close();
});

const viewOf = (step: Step<Clients>, answer?: string): RunView => {
  const view = recordingRun(step.id, { uid: 'abcd1234' }, ledger);
  return answer === undefined ? view : { ...view, recall: view.recall, record: view.record, answer };
};

/** Carries out one step as the engine does; gates are approved, tasks answered. */
async function carryOut(step: Step<Clients>): Promise<string> {
  const began = Date.now();
  let answer: string | undefined;
  let applied = false;
  for (;;) {
    const view = viewOf(step, answer);
    const seen: Observation = await step.check(clients, view);
    if (seen.state === 'done') {
      return seen.evidence;
    }
    if (seen.state === 'blocked') throw new Error(`${step.id}: ${seen.code} ${seen.reason} ${seen.file?.content ?? ''}`);
    if (seen.state === 'task') answer = 'https://example.org/pull/1';
    if (seen.state === 'waiting') await new Promise((resolve) => setTimeout(resolve, Math.min(seen.againInMs, 100)));
    if (seen.state === 'todo') {
      if (!step.apply) return seen.plan.join('; ');
      if (applied) throw new Error(`${step.id} is not done after apply: ${seen.plan.join('; ')}`);
      applied = true;
      await step.apply(clients, view);
    }
    if (Date.now() - began > 120_000) throw new Error(`${step.id} does not end: ${JSON.stringify(seen)}`);
  }
}
const until = async (last: string, first?: string) => {
  const evidence: Record<string, string> = {};
  const from = first === undefined ? 0 : steps.findIndex(({ id }) => id === first);
  for (const step of steps.slice(from, steps.findIndex(({ id }) => id === last) + 1)) evidence[step.id] = await carryOut(step);
  return evidence;
};
const stepOf = (id: string) => {
  const step = steps.find((one) => one.id === id);
  if (!step) throw new Error(id);
  return step;
};
async function undo(id: string): Promise<void> {
  const { undo: how } = stepOf(id);
  if (typeof how === 'function') await how(clients, viewOf(stepOf(id)));
}
/** The server is ended at once as soon as the step tells of progress; what it fails with names the server, and passes by itself. */
async function dyingInTheMiddle(instance: string, step: Step<Clients>): Promise<void> {
  const view = viewOf(step);
  let killed = false;
  const failed = step.apply?.(clients, {
    ...view,
    progress: () => {
      const pid = at(instance).pid();
      if (!killed && pid !== undefined) process.kill(pid, 'SIGQUIT');
      killed = true;
    },
  });
  await expect(failed).rejects.toThrow(Transient);
  await expect(failed).rejects.toThrow(/on the destination, database inapp/);
  await at(instance).restart();
}
const admin = (instance: string, text: string) =>
  withSession({ ...at(instance).admin, database: 'inapp' }, async (client) => (await client.query(text)).rows);

describe('the cutover', () => {
  it('is prepared: held, validated live, ready, the way back rehearsed', async () => {
    const evidence = await until('rehearse-way-back');
    expect(evidence['validate-live']).toMatch(/^equal: /);
    expect(evidence['rehearse-way-back']).toMatch(/^the way back works/);
    expect(evidence['prepare-switch']).toContain(
      `inapp-web PG_INSTANCE_CONNECTION_NAME: ${project}:europe-west3:${source} → ${project}:europe-west3:${destination}`,
    );
  }, 300_000);

  it('gives the writes back when it is broken off before the promotion', async () => {
    await until('synchronize-sequences', 'approve-cutover');
    await dyingInTheMiddle(destination, stepOf('validate'));
    await until('validate', 'validate');
    const before = acknowledged[source];
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(acknowledged[source]).toBe(before);
    for (const id of ['fence-source', 'stop-web', 'stop-workers']) await undo(id);
    await expect.poll(() => acknowledged[source], { timeout: 10_000 }).toBeGreaterThan(before + 5);
  }, 120_000);

  it('switches: nothing acknowledged is lost, and the old instance follows the new one', async () => {
    const evidence = await until('start-services', 'approve-cutover');
    expect(evidence['fence-source']).toContain('bigquery is fenced too: it is or may become cloudsqlsuperuser');
    expect(evidence['arm-way-back']).toContain('pgupgrade_wayback_abcd1234');
    await expect.poll(() => acknowledged[destination], { timeout: 15_000 }).toBeGreaterThan(10);
    for (const name of ['inapp-web', 'inapp-worker']) await workloads.scale(name, 0);
    const count = `select count(*)::int as n from pod_write where pod in ('inapp-web', 'inapp-worker')`;
    const [there] = await admin(destination, count);
    expect(there?.n).toBeGreaterThanOrEqual(acknowledged[source] + acknowledged[destination]);
    await expect.poll(async () => (await admin(source, count))[0]?.n, { timeout: 20_000 }).toBe(there?.n);
    await expect(
      withSession(
        { host: at(source).host, port: at(source).port, user: application, password: iamToken, database: 'inapp', ca: at(source).serverCa },
        async () => undefined,
      ),
    ).rejects.toThrow();
  }, 180_000);
});
