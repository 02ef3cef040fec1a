import { DelayedError, type Job, Worker } from 'bullmq';
import { commit } from '../engine/commit.ts';
import type { FactBody, RunHeader } from '../engine/facts.ts';
import { fold } from '../engine/fold.ts';
import type { Tended, WayBackLook } from '../engine/ports.ts';
import type { RunState } from '../engine/state.ts';
import { wayBackIsArmed } from '../engine/way-back.ts';
import { withTimeLimit } from '../time-limit.ts';
import type { Jobs } from './jobs.ts';
import { acquireLease } from './lease.ts';
import { connectionOf, jobOptions, queueNames } from './queues.ts';

export interface TendRequest {
  readonly header: RunHeader;
  readonly state: RunState;
  /** What the last round left. */
  readonly before: WayBackLook | undefined;
  /** Awaited before every change. @throws LeaseLost when another worker tends it now. */
  readonly guard: () => Promise<void>;
  readonly signal: AbortSignal;
}
export interface Tending {
  /** The step whose end arms the way back. */
  readonly armedBy: string;
  tend(request: TendRequest): Promise<Tended>;
}
const roundMs = 120_000;

/**
 * While a run's way back is armed, also after the run has ended, one worker at a time looks after it again and again.
 * Every worker process sees to it that the job is there; its id lets there be one of each run.
 */
export function startTending(jobs: Jobs, tending: Tending, closing: AbortSignal): { readonly worker: Worker; close(): Promise<void> } {
  /** Ended and not armed: such a run never comes here again, so its log is not read at every turn. */
  const past = new Set<string>();
  async function ensure(): Promise<void> {
    for (const { run, active } of await jobs.log.runs()) {
      if (!active && past.has(run)) continue;
      past.delete(run);
      const state = fold(await jobs.log.read(run), jobs.shape);
      if (wayBackIsArmed(state, tending.armedBy)) await place(jobs, run, state);
      else if (!active) past.add(run);
    }
  }
  let running = Promise.resolve();
  const turn = () => {
    running = running.then(ensure).catch((error: unknown) => jobs.report({ kind: 'error', where: 'tending', error }));
  };
  turn();
  const timer = setInterval(turn, jobs.timing.tendMs);
  const worker = new Worker<{ readonly run: string }>(
    queueNames.tending,
    async (job: Job<{ readonly run: string }>, token?: string) => {
      const againInMs = await round(jobs, tending, job.data.run, closing);
      if (againInMs === undefined) return;
      await job.moveToDelayed(Date.now() + againInMs, token);
      throw new DelayedError();
    },
    {
      connection: connectionOf(jobs.redisUrl),
      prefix: jobs.prefix,
      concurrency: 2,
      lockDuration: jobs.timing.lockDurationMs,
      stalledInterval: jobs.timing.stalledIntervalMs,
      maxStalledCount: 1_000_000,
    },
  );
  return {
    worker,
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}

async function place(jobs: Jobs, run: string, state: RunState): Promise<void> {
  await jobs.queues.tending.add('tend', { run }, { ...jobOptions, jobId: `${run}-${state.header?.uid}-tend` });
}

/** One look. Gives in how many ms the next one is due; `undefined`: there is nothing to look after any more. */
async function round(jobs: Jobs, tending: Tending, run: string, closing: AbortSignal): Promise<number | undefined> {
  const state = fold(await jobs.log.read(run), jobs.shape);
  if (!state.header || !wayBackIsArmed(state, tending.armedBy)) return undefined;
  const againInMs = state.endedAt === undefined ? jobs.timing.tendMs : jobs.timing.tendEndedMs;
  // Nothing is written, and every moment of it counts for the run.
  if (state.writesOffSince !== undefined) return againInMs;
  const lease = await acquireLease(jobs.redis, jobs.keys, `${run}/way-back`, jobs.timing.leaseMs);
  if ('heldForMs' in lease) return againInMs;
  const before = await jobs.log.wayBack(run);
  try {
    const signal = withTimeLimit(roundMs, lease.signal, closing);
    const tended = await tending.tend({ header: state.header, state, before, guard: lease.guard, signal });
    await jobs.log.setWayBack(run, tended.look);
    await commit({ log: jobs.log, shape: jobs.shape, run }, (now) => factOf(now, tended, tending.armedBy));
  } catch (error) {
    if (closing.aborted) return againInMs;
    jobs.report({ kind: 'error', where: 'way back', error });
    const problem = error instanceof Error ? error.message : String(error);
    if (before) await jobs.log.setWayBack(run, { ...before, problem });
  } finally {
    await lease.release();
  }
  return againInMs;
}

/** Only what is new: a look that found nothing else than the last one leaves no trace in the log. */
function factOf(state: RunState, tended: Tended, armedBy: string): readonly FactBody[] | undefined {
  if (!wayBackIsArmed(state, armedBy)) return undefined;
  const { did, warnings, lost } = tended;
  const gaps = tended.gaps.filter((gap) => !state.wayBack.gaps.includes(gap));
  const same = warnings.length === state.wayBack.warnings.length && warnings.every((one) => state.wayBack.warnings.includes(one));
  const over = state.wayBack.over ? undefined : tended.over;
  if (did.length === 0 && gaps.length === 0 && lost === undefined && over === undefined && same) return undefined;
  return [
    { type: 'way-back.tended', did, warnings, gaps, ...(lost === undefined ? {} : { lost }), ...(over === undefined ? {} : { over }) },
  ];
}
