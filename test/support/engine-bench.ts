import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openPackages } from '../../sandbox/servers/packages.ts';
import { openRedis } from '../../sandbox/servers/redis.ts';
import { act } from '../../src/engine/act.ts';
import { castVote, type Decision } from '../../src/engine/approvals.ts';
import type { Fact, FactType } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import type { RunState } from '../../src/engine/state.ts';
import { connectJobs, type Jobs } from '../../src/jobs/jobs.ts';
import type { JobsEvent, Timing } from '../../src/jobs/settings.ts';
import { type FileStep, fileRunbook } from './file-runbook.ts';
import { startFileWorker } from './file-worker.ts';

export interface RedisForTests {
  readonly url: string;
  close(): Promise<void>;
}

/** A real Redis of the sandbox's packages, as durable as in production. */
export async function redisForTests(): Promise<RedisForTests & { restart(): Promise<void> }> {
  const workDir = mkdtempSync(join(tmpdir(), 'pgupgrade-engine-'));
  const server = await openRedis({ workDir, packages: await openPackages() });
  return {
    url: server.url,
    restart: () => server.restart(),
    async close() {
      await server.close();
      rmSync(workDir, { recursive: true, force: true });
    },
  };
}

export interface BenchRequest {
  readonly redis: RedisForTests;
  readonly steps: readonly FileStep[];
  readonly timing?: Partial<Timing>;
  readonly deadlineMs?: number;
  /** A planned start: so many ms from now. */
  readonly startsInMs?: number;
  /** The compiled worker, for `spawnWorker`. */
  readonly program?: string;
}
export interface Bench {
  readonly jobs: Jobs;
  readonly events: readonly JobsEvent[];
  readonly directory: string;
  readonly run: string;
  make(name: string, text?: string): void;
  remove(name: string): void;
  has(name: string): boolean;
  read(name: string): string;
  /** `+fence 3`: what was done to the world, by which token, in order. */
  effects(): readonly string[];
  facts(): Promise<readonly Fact[]>;
  types(): Promise<readonly FactType[]>;
  state(): Promise<RunState>;
  /** Waits until the run is so; looks again whenever it changes. */
  until(what: (state: RunState) => boolean, why: string, timeoutMs?: number): Promise<RunState>;
  /** What a click does: decide on the log, append, advance. */
  move(decide: (state: RunState) => Decision): Promise<Decision>;
  approve(by: string): Promise<Decision>;
  /** Of the write stops that begin from now on under a worker in this process. */
  setDeadline(ms: number): void;
  /** A worker in this process. */
  work(): Promise<{ close(): Promise<void> }>;
  /** A worker as a process of its own. */
  spawnWorker(other?: { readonly redisUrl: string }): Promise<ChildProcess>;
  close(): Promise<void>;
}

const rule = { role: 'approver', count: 1, requesterMayApprove: true };

/** One run over a world of files, on a real Redis. */
export async function openBench(request: BenchRequest): Promise<Bench> {
  const directory = mkdtempSync(join(tmpdir(), 'pgupgrade-world-'));
  const prefix = `t${randomBytes(6).toString('hex')}`;
  const timing: Partial<Timing> = {
    lockDurationMs: 2_000,
    stalledIntervalMs: 1_000,
    leaseMs: 1_500,
    reconcileMs: 500,
    backoffMs: 20,
    ...request.timing,
  };
  const events: JobsEvent[] = [];
  const shape = shapeOf(fileRunbook(request.steps));
  const jobs = connectJobs({ redisUrl: request.redis.url, shape, prefix, timing, report: (event) => events.push(event) });
  const settings = {
    redisUrl: request.redis.url,
    prefix,
    timing,
    directory,
    steps: request.steps,
    deadlineMs: request.deadlineMs ?? 60_000,
  };
  const started = await jobs.log.start({
    uid: randomBytes(4).toString('hex'),
    service: 'inapp',
    environment: 'staging',
    from: 15,
    to: 17,
    by: 'U0OPERATOR',
    channel: 'C1',
    steps: request.steps.map((step) => step.id),
    format: 1,
    ...(request.startsInMs === undefined ? {} : { notBefore: Date.now() + request.startsInMs }),
  });
  if (!('started' in started)) throw new Error('the environment is held');
  const run = started.started;
  await jobs.dispatcher.advance(run);
  const closers: (() => Promise<void>)[] = [];
  const state = async () => fold(await jobs.log.read(run), shape);
  const path = (name: string) => join(directory, name);
  const bench: Bench = {
    jobs,
    events,
    directory,
    run,
    make: (name, text = '') => writeFileSync(path(name), text),
    remove: (name) => rmSync(path(name), { force: true }),
    has: (name) => existsSync(path(name)),
    read: (name) => readFileSync(path(name), 'utf8'),
    effects: () => (existsSync(path('effects')) ? readFileSync(path('effects'), 'utf8').trim().split('\n') : []),
    facts: () => jobs.log.read(run),
    types: async () => (await jobs.log.read(run)).map((fact) => fact.type),
    state,
    async until(what, why, timeoutMs = 20_000) {
      const end = Date.now() + timeoutMs;
      for (;;) {
        const now = await state();
        if (what(now)) return now;
        if (Date.now() > end)
          throw new Error(
            `waited ${timeoutMs} ms for: ${why}; ${JSON.stringify(now.status)} ${JSON.stringify(await jobs.log.read(run), null, 1)}`,
          );
        await delay(10);
      }
    },
    async move(decide) {
      const { decision } = await act({ log: jobs.log, shape, run }, decide);
      await jobs.dispatcher.advance(run);
      return decision;
    },
    approve: (by) =>
      bench.move((now) =>
        castVote({
          state: now,
          rule,
          voter: { id: by, roles: new Set(['approver']) },
          gate: now.gate?.gate ?? 'none',
          nonce: now.gate?.nonce ?? 'none',
          vote: 'approve',
          now: Date.now(),
        }),
      ),
    setDeadline(ms) {
      settings.deadlineMs = ms;
    },
    async work() {
      const worker = await startFileWorker(settings, (event) => events.push(event));
      let closed: Promise<void> | undefined;
      const close = () => (closed ??= worker.close());
      closers.push(close);
      return { close };
    },
    async spawnWorker(other) {
      const args = [
        '--import',
        './test/support/typescript.mjs',
        './test/support/file-worker-process.ts',
        JSON.stringify({ ...settings, ...other }),
      ];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      closers.push(async () => {
        child.kill('SIGKILL');
      });
      await new Promise<void>((resolve, reject) => {
        child.stdout?.once('data', () => resolve());
        child.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
      });
      return child;
    },
    async close() {
      await Promise.all(closers.map((close) => close()));
      await jobs.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return bench;
}
