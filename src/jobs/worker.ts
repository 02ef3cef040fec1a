import { DelayedError, type Job, Worker } from 'bullmq';
import type { RunHeader } from '../engine/facts.ts';
import { stepsOf } from '../engine/shape.ts';
import type { Leg, Runbook, Step } from '../engine/step.ts';
import { startGiveBacks } from './give-backs.ts';
import { type Interrupts, watchForInterrupts } from './interrupts.ts';
import type { Jobs } from './jobs.ts';
import { type OpenLook, startLookWorker } from './looks.ts';
import type { Owed } from './owed.ts';
import { processJob } from './process-job.ts';
import { type Proving, startProving } from './proving.ts';
import { connectionOf, queueNames } from './queues.ts';
import { startReconciling } from './reconcile.ts';
import { startTending, type Tending } from './tending.ts';

/** What clients are opened with. Every mutating call awaits `guard()` first. */
export interface Opening {
  /** The step that is executed, or `give-back`. */
  readonly step: string;
  readonly leg: Leg;
  readonly token: number;
  /** @throws LeaseLost when another worker owns the run. */
  readonly guard: () => Promise<void>;
  readonly signal: AbortSignal;
  /** `pgupgrade/<run>/<step>/<token>` */
  readonly applicationName: string;
}
export interface OpenedClients<C> {
  readonly clients: C;
  /** Ends the sessions of older tokens and takes the advisory lock on the source. */
  takeOver(): Promise<void>;
  /** Leaves them open for the run's next execution in this process; instead of `close`, where all went well. */
  keep(): void;
  close(): Promise<void>;
}

export interface WorkerOptions<C> {
  readonly runbook: Runbook<C>;
  readonly openClients: (header: RunHeader, opening: Opening) => Promise<OpenedClients<C>>;
  readonly openLook: OpenLook<C>;
  /** From the start of the write stop until the promotion has to be called, in ms. */
  readonly deadlineMs: (header: RunHeader) => number | Promise<number>;
  /** Reads from the world whether the leg's point of no return was passed, before the first writer is let in again. */
  readonly mayGiveBack: (header: RunHeader, leg: Leg) => Promise<'yes' | { readonly no: string }>;
  /** Opens ahead what a give-back needs: the deadline is near. Absent: it is opened when the give-back begins. */
  readonly standBy?: (header: RunHeader, leg: Leg) => Promise<void>;
  /** Absent: nothing looks after an armed way back. */
  readonly tending?: Tending;
  /** Absent: nothing keeps the proof between the live comparison and the switch. */
  readonly proving?: Proving;
}

export interface Working<C> extends WorkerOptions<C> {
  readonly jobs: Jobs;
  readonly steps: ReadonlyMap<string, Step<C>>;
  readonly interrupts: Interrupts;
  readonly closing: AbortSignal;
  /** By run: the end of the execution that this process carries out. */
  readonly executing: Map<string, Promise<unknown>>;
}

/** What becomes of a job when its execution has ended. */
export type Verdict = { readonly kind: 'over' } | { readonly kind: 'postponed'; readonly forMs: number; readonly failures: number };

/** Executes what runs owe, answers looks, and reconciles. `close` ends open executions by their signal and waits for them. */
export async function startWorker<C>(jobs: Jobs, options: WorkerOptions<C>): Promise<{ close(): Promise<void> }> {
  const closing = new AbortController();
  const interrupts = await watchForInterrupts(jobs);
  const working: Working<C> = {
    ...options,
    jobs,
    interrupts,
    steps: stepsOf(options.runbook),
    closing: closing.signal,
    executing: new Map(),
  };
  const reconciling = startReconciling(jobs);
  const giveBacks = await startGiveBacks(working);
  const tending = options.tending && startTending(jobs, options.tending, closing.signal);
  const proving = options.proving && startProving(jobs, options.proving);
  const workers = [
    open(working, queueNames.steps, 4),
    open(working, queueNames.timed, 8),
    startLookWorker(jobs, options.runbook, options.openLook, closing.signal),
    ...(tending ? [tending.worker] : []),
  ];
  for (const worker of workers) {
    worker.on('error', (error) => jobs.report({ kind: 'error', where: worker.name, error }));
    worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) worker.cancelJob(id, 'the lock of the job is lost');
    });
  }
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  return {
    async close() {
      closing.abort(new Error('the worker stops'));
      await Promise.all([reconciling.close(), giveBacks.close()]);
      await Promise.all([tending?.close(), proving?.close()]);
      await Promise.all(workers.map((worker) => worker.close()));
      await interrupts.close();
    },
  };
}

function open<C>(working: Working<C>, queue: string, concurrency: number): Worker {
  const { jobs } = working;
  return new Worker<Owed>(
    queue,
    async (job: Job<Owed>, token?: string, signal?: AbortSignal) => {
      const verdict = await processJob(working, job.data, signal);
      if (verdict.kind === 'over') return;
      if ('failures' in job.data && job.data.failures !== verdict.failures)
        await job.updateData({ ...job.data, failures: verdict.failures });
      await job.moveToDelayed(Date.now() + verdict.forMs, token);
      throw new DelayedError();
    },
    {
      connection: connectionOf(jobs.redisUrl),
      prefix: jobs.prefix,
      concurrency,
      lockDuration: jobs.timing.lockDurationMs,
      stalledInterval: jobs.timing.stalledIntervalMs,
      // By default the second crash in one step kills the job; the engine decides when to give up, not BullMQ.
      maxStalledCount: 1_000_000,
    },
  );
}
