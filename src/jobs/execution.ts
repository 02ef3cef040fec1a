import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { LeaseLost } from '../engine/commit.ts';
import { executeStep, failStep } from '../engine/execute.ts';
import type { Execution, Outcome, Ownership } from '../engine/execution.ts';
import type { RunHeader } from '../engine/facts.ts';
import { failureOf } from '../engine/failure.ts';
import { fold } from '../engine/fold.ts';
import { next } from '../engine/next.ts';
import type { Leg } from '../engine/step.ts';
import { failUndo, undoStep } from '../engine/undo.ts';
import { Transient } from '../errors.ts';
import { acquireLease, type Lease } from './lease.ts';
import type { Owed } from './owed.ts';
import { backoff } from './settings.ts';
import type { Verdict, Working } from './worker.ts';

type Work = Extract<Owed, { readonly kind: 'execute' | 'undo' }>;

/** One execution under the run's lease: opened clients, the step, and what follows from how it ended. */
export async function runExecution<C>(working: Working<C>, work: Work, jobSignal: AbortSignal | undefined): Promise<Verdict> {
  const { jobs } = working;
  const lease = await acquireLease(jobs.redis, jobs.keys, work.run, jobs.timing.leaseMs);
  if ('heldForMs' in lease) return { kind: 'postponed', forMs: Math.min(lease.heldForMs, 200), failures: work.failures };
  // An undo is what people asked for; only an execution is interrupted by them.
  const interrupt = work.kind === 'execute' ? working.interrupts.during(work, lease) : undefined;
  const signal = AbortSignal.any(
    [lease.signal, working.closing, jobSignal, interrupt?.signal].filter((one): one is AbortSignal => one !== undefined),
  );
  const ownership: Ownership = { run: work.run, log: jobs.log, shape: jobs.shape, token: lease.token, signal, now: Date.now };
  try {
    const outcome = await openExecution(working, work, ownership, lease, async (execution) =>
      goOn(execution, await (work.kind === 'undo' ? undoStep : executeStep)(execution, work.step)),
    );
    return verdictOf(outcome, interrupt?.signal);
  } catch (error) {
    if (error instanceof LeaseLost) return { kind: 'postponed', forMs: 200, failures: work.failures };
    if (signal.aborted) return verdictOf({ kind: 'interrupted' }, interrupt?.signal);
    return await failed(working, work, ownership, error);
  } finally {
    interrupt?.end();
    await lease.release();
  }
}

/** Opens the clients of an execution that owns the run, and acts with them. */
export async function openExecution<C>(
  working: Working<C>,
  { run, step }: { readonly run: string; readonly step: string },
  ownership: Ownership,
  lease: Lease,
  act: (execution: Execution<C>) => Promise<Outcome>,
): Promise<Outcome> {
  const { jobs } = working;
  const { header, leg } = fold(await jobs.log.read(run), jobs.shape);
  if (!header) return { kind: 'stale' };
  const opened = await working.openClients(header, {
    step,
    leg: leg.name,
    token: lease.token,
    guard: lease.guard,
    signal: ownership.signal,
    applicationName: `pgupgrade/${run}/${step}/${lease.token}`,
  });
  try {
    await opened.takeOver();
    const outcome = await act(await executionOf(working, ownership, header, leg.name, opened.clients));
    if (ownership.signal.aborted) await opened.close();
    else opened.keep();
    return outcome;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/**
 * Inside the write stop the next step follows under the same lease, over the same sessions: a hop through the queue, a new lease
 * and a takeover are an outage each. If this process dies, the job that it was given is no longer owed, and the one that is owed
 * is placed as ever. What fails for a moment is that next job's.
 */
async function goOn<C>(execution: Execution<C>, first: Outcome): Promise<Outcome> {
  let outcome = first;
  while (outcome.kind === 'advanced' && !execution.signal.aborted) {
    const state = fold(await execution.log.read(execution.run), execution.shape);
    const move = next(state, execution.shape);
    if (state.writesOffSince === undefined || move.do !== 'execute') break;
    const following = await executeStep(execution, move.step, state).catch((error: unknown) => {
      if (error instanceof Transient) return undefined;
      throw error;
    });
    if (following?.kind !== 'advanced') break;
    outcome = following;
  }
  return outcome;
}

async function executionOf<C>(working: Working<C>, ownership: Ownership, header: RunHeader, leg: Leg, clients: C): Promise<Execution<C>> {
  const { jobs } = working;
  return {
    ...ownership,
    steps: working.steps,
    clients,
    deadlineMs: await working.deadlineMs(header),
    gateExpiresMs: jobs.timing.gateExpiresMs,
    nonce: randomUUID,
    pause: rest,
    mayGiveBack: () => working.mayGiveBack(header, leg),
  };
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return pause(ms, undefined, { signal }).catch(() => undefined);
}

function verdictOf(outcome: Outcome, interrupt: AbortSignal | undefined): Verdict {
  switch (outcome.kind) {
    case 'again':
      return { kind: 'postponed', forMs: outcome.inMs, failures: 0 };
    case 'interrupted':
      // Paused, aborted or given back the run owes something else now; else another worker takes the job up at once.
      return interrupt?.aborted ? { kind: 'over' } : { kind: 'postponed', forMs: 0, failures: 0 };
    case 'advanced':
    case 'stale':
      return { kind: 'over' };
    default:
      return outcome satisfies never;
  }
}

/** Transient: again after a pause, and put before people when it has failed too often. Everything else at once. */
async function failed<C>(working: Working<C>, work: Work, ownership: Ownership, error: unknown): Promise<Verdict> {
  const { log, timing } = working.jobs;
  const failures = work.failures + 1;
  if (error instanceof Transient && failures < timing.attempts) {
    const forMs = backoff(timing, failures, error.retryAfterMs, Math.random);
    const text = `attempt ${failures} of ${timing.attempts}: ${error.message}; again in ${(forMs / 1000).toFixed(1)} s`;
    if (failures >= 3) await log.setProgress(work.run, work.step, { text });
    return { kind: 'postponed', forMs, failures };
  }
  const failure = failureOf(error);
  const reason = error instanceof Transient ? `${failure.reason} (${failures} attempts)` : failure.reason;
  const tell = work.kind === 'execute' ? failStep : failUndo;
  await tell(ownership, work.step, { ...failure, reason });
  return { kind: 'over' };
}
