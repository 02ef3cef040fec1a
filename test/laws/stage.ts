import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withSession } from '../../sandbox/servers/session.ts';
import { openWorld, type World } from '../../sandbox/world.ts';
import type { Clients } from '../../src/clients.ts';
import { loadServices } from '../../src/config/load.ts';
import { parseRuntime } from '../../src/config/runtime.ts';
import type { Execution } from '../../src/engine/execution.ts';
import type { FactBody, RunHeader } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { idsOf, shapeOf, stepsOf } from '../../src/engine/shape.ts';
import type { RunState } from '../../src/engine/state.ts';
import type { RunView, Step } from '../../src/engine/step.ts';
import { openSession } from '../../src/engine/view.ts';
import { Transient } from '../../src/errors.ts';
import { createProofKeeper } from '../../src/keep-proofs.ts';
import { clientsOpener } from '../../src/open-clients.ts';
import { runbook } from '../../src/runbook.ts';
import { memoryLog } from '../support/memory-log.ts';

export const environment = 'staging';
export const shape = shapeOf(runbook);
export const steps = runbook.flatMap((phase) => phase.steps);
/** The ids of one leg, in order. */
export const legs = { upgrade: idsOf(shape, 'upgrade'), rollback: idsOf(shape, 'rollback'), retire: idsOf(shape, 'retire') };
/** Longer than any step here is tried again. */
const patienceMs = 60_000;
const hourMs = 3_600_000;

/** One run in the sandbox, carried out in this process: real clients, the engine's own view, its log in memory. */
export interface Stage {
  readonly world: World;
  readonly header: RunHeader;
  state(): Promise<RunState>;
  /** Appends as the owner of the run. */
  append(...facts: readonly FactBody[]): Promise<void>;
  /** One execution as a worker has it: clients of its own, the run taken over. Passing trouble is tried again. */
  execute<T>(id: string, work: (execution: Execution<Clients>, run: RunView) => Promise<T>): Promise<T>;
  /** Clients that refuse every change, as those of plan and preflight do. */
  look<T>(id: string, work: (clients: Clients, run: RunView) => Promise<T>): Promise<T>;
  /** Sessions of the bot that are open on any server. */
  sessions(): Promise<readonly string[]>;
  close(): Promise<void>;
}

export async function openStage(uid: string): Promise<Stage> {
  const workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-laws-'));
  const world = await openWorld({ workDir, environments: [environment], scale: 1, pauseMs: 60 });
  // Google's authentication and the Kubernetes client read the process's own environment.
  const before = Object.keys(world.environment).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, world.environment);
  const runtime = parseRuntime(world.environment);
  const open = clientsOpener(runtime, await loadServices(runtime.SERVICES_DIR));
  const header: RunHeader = {
    run: 'PG-1',
    uid,
    service: 'inapp',
    environment,
    from: 15,
    to: 17,
    by: 'U0OPERATOR',
    channel: 'C0MIGRATION',
    steps: legs.upgrade,
    format: 1,
  };
  const { log, acquire } = memoryLog([{ type: 'run.started', ...header }], async () => undefined);
  const token = acquire();
  let nonces = 0;
  const proofs = createProofKeeper(open);

  const stage: Stage = {
    world,
    header,
    state: async () => fold(await log.read(header.run), shape),
    async append(...facts) {
      const seen = (await log.read(header.run)).length;
      const answer = await log.append(header.run, seen, facts, token);
      if (answer !== 'appended') throw new Error(`the log refuses ${facts.map(({ type }) => type).join(', ')}: ${answer}`);
    },
    async execute(id, work) {
      const until = Date.now() + patienceMs;
      for (;;) {
        const controller = new AbortController();
        const applicationName = `pgupgrade/${header.run}/${id}/${token}`;
        const opened = open(header, { guard: async () => undefined, signal: controller.signal, applicationName, readOnly: false });
        const execution: Execution<Clients> = {
          run: header.run,
          log,
          shape,
          token,
          signal: controller.signal,
          now: Date.now,
          steps: stepsOf(runbook),
          clients: { ...opened.clients, proof: proofs.of(header, opened) },
          // The laws repeat what a write stop does once.
          deadlineMs: hourMs,
          gateExpiresMs: hourMs,
          pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
          nonce: () => `nonce-${++nonces}`,
          mayGiveBack: async () => 'yes',
        };
        try {
          await opened.postgres.takeOver(header, token);
          return await work(execution, (await openSession(execution, id)).view);
        } catch (error) {
          if (!(error instanceof Transient) || Date.now() > until) throw error;
          await new Promise((resolve) => setTimeout(resolve, Math.min(error.retryAfterMs ?? 200, 1_000)));
        } finally {
          await opened.close();
        }
      }
    },
    async look(id, work) {
      const { signal } = new AbortController();
      const guard = async () => {
        throw new Error(`the look of ${id} tried to change something`);
      };
      const opened = open(header, { guard, signal, applicationName: 'pgupgrade/look', readOnly: true });
      try {
        const { view } = await openSession({ run: header.run, log, shape, token, signal, now: Date.now }, id);
        return await work(opened.clients, view);
      } finally {
        await opened.close();
      }
    },
    async sessions() {
      const found: string[] = [];
      for (const cluster of world.servers.fleet.list())
        await withSession({ ...cluster.admin, database: 'postgres' }, async (client) => {
          const { rows } = await client.query<{ name: string }>(
            `select application_name as name from pg_stat_activity where application_name like 'pgupgrade/%'`,
          );
          found.push(...rows.map(({ name }) => `${name} on ${cluster.name}`));
        });
      return found;
    },
    async close() {
      await proofs.keepOnly(new Set());
      await world.close();
      for (const [name, value] of before)
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      await rm(workDir, { recursive: true, force: true });
    },
  };
  return stage;
}

export function stepOf(id: string): Step<Clients> {
  const step = steps.find((one) => one.id === id);
  if (!step) throw new Error(`the runbook has no step ${id}`);
  return step;
}
