import { setTimeout as pause } from 'node:timers/promises';
import { commit, LeaseLost } from '../engine/commit.ts';
import type { Ownership } from '../engine/execution.ts';
import { failureOf } from '../engine/failure.ts';
import { fold } from '../engine/fold.ts';
import { giveBack, passDeadline } from '../engine/give-back.ts';
import type { RunState } from '../engine/state.ts';
import { nextToGiveBack } from '../engine/status.ts';
import { failUndo } from '../engine/undo.ts';
import { mustGiveBack, sentence, writesSentence } from '../engine/writes.ts';
import { Transient } from '../errors.ts';
import { advance } from './advance.ts';
import { openExecution } from './execution.ts';
import { acquireLease } from './lease.ts';
import { backoff } from './settings.ts';
import type { Working } from './worker.ts';

/** An owner that lives hears that the writes are given back and lets go within milliseconds. */
const letsGoWithinMs = 150;
/** So late that most write stops are over before and pay nothing for it; what is opened is kept for longer than that. */
const standsByBeforeMs = 5_000;
const betweenAttemptsMs = 20;
/** A give-back waits for nothing longer than this. */
const longestPauseMs = 2_000;

/** What one process has tried of one give-back. */
interface Tries {
  readonly since: number;
  failures: number;
  /** How often it came to own the run and lost it again: with short leases on a slow machine two processes could take it from each other for ever. */
  losses: number;
}

/** A write stop that is watched; `wake` has it looked at again. */
interface Attended {
  over: Promise<void>;
  wake: () => void;
}

/**
 * Every worker process watches every open write stop: it passes the deadline by its own clock, and gives the writes back under the
 * run's lease. Not a job: a job has one owner, and BullMQ hands one of a killed process on only when its lock has run out.
 */
export async function startGiveBacks<C>(working: Working<C>): Promise<{ close(): Promise<void> }> {
  const { jobs, closing } = working;
  const attended = new Map<string, Attended>();

  function attend(run: string): void {
    const known = attended.get(run);
    if (known) {
      known.wake();
      return;
    }
    const one: Attended = { over: Promise.resolve(), wake: () => undefined };
    attended.set(run, one);
    one.over = watch(run, one).finally(() => attended.delete(run));
  }

  async function watch(run: string, one: Attended): Promise<void> {
    let tries: Tries | undefined;
    let standsBy = false;
    while (!closing.aborted) {
      // A change that comes during the look ends the pause after it.
      const changed = new Promise<void>((resolve) => {
        one.wake = resolve;
      });
      try {
        const state = fold(await jobs.log.read(run), jobs.shape);
        if (state.status === 'giving-back') {
          tries ??= { since: performance.now(), failures: 0, losses: 0 };
          await rest(await attempt(working, run, tries), closing);
        } else {
          tries = undefined;
          if (state.deadlineAt === undefined || !mustGiveBack(state)) return;
          // Only one that is due is anything for the log.
          const ahead = state.deadlineAt - Date.now();
          const left = ahead > 0 ? ahead : await passDeadline({ log: jobs.log, shape: jobs.shape, run }, Date.now);
          if (left === undefined) continue;
          if (left <= standsByBeforeMs && !standsBy) {
            standsBy = true;
            standBy(working, state);
          }
          await untilEither(standsBy ? left : left - standsByBeforeMs, changed, closing);
        }
      } catch (error) {
        jobs.report({ kind: 'error', where: 'give-back', error });
        await rest(betweenAttemptsMs * 10, closing);
      }
    }
  }

  const stopWatching = await jobs.log.watch(attend);
  const sweep = async () => {
    for (const { run, active } of await jobs.log.runs()) if (active) attend(run);
  };
  const turn = () => void sweep().catch((error: unknown) => jobs.report({ kind: 'error', where: 'give-back', error }));
  turn();
  const timer = setInterval(turn, jobs.timing.reconcileMs);
  return {
    async close() {
      clearInterval(timer);
      await stopWatching();
      for (const { wake } of attended.values()) wake();
      await Promise.all([...attended.values()].map(({ over }) => over));
    },
  };
}

/** Whichever process will give the writes back, it has by then what that takes. What fails here is done when it is needed. */
function standBy<C>(working: Working<C>, { header, leg }: RunState): void {
  if (header) void working.standBy?.(header, leg.name).catch(() => undefined);
}

/** One try under the lease. Gives after how many ms to look again. */
async function attempt<C>(working: Working<C>, run: string, tries: Tries): Promise<number> {
  const { jobs } = working;
  const { leaseMs, giveBackLeaseMs } = jobs.timing;
  const lengthMs = Math.min(leaseMs, giveBackLeaseMs * 2 ** tries.losses);
  const how = performance.now() - tries.since > letsGoWithinMs ? 'seize' : 'give-back';
  const lease = await acquireLease(jobs.redis, jobs.keys, run, lengthMs, how);
  if ('heldForMs' in lease) return Math.min(lease.heldForMs, betweenAttemptsMs);
  const signal = AbortSignal.any([lease.signal, working.closing]);
  const ownership: Ownership = { run, log: jobs.log, shape: jobs.shape, token: lease.token, signal, now: Date.now };
  try {
    const outcome = await openExecution(working, { run, step: 'give-back' }, ownership, lease, giveBack);
    if (outcome.kind === 'interrupted') tries.losses += 1;
    return 0;
  } catch (error) {
    if (error instanceof LeaseLost || signal.aborted) tries.losses += 1;
    else return await failed(working, run, tries, ownership, error);
    return betweenAttemptsMs;
  } finally {
    await lease.release();
    await advance(jobs, run);
  }
}

/** What passes by itself is tried until it has passed, because nobody can decide anything better; people are told. Everything else is put before them at once. */
async function failed<C>({ jobs }: Working<C>, run: string, tries: Tries, ownership: Ownership, error: unknown): Promise<number> {
  const { log, timing } = jobs;
  const state = fold(await log.read(run), jobs.shape);
  const step = nextToGiveBack(state, jobs.shape) ?? state.current ?? 'give-back';
  if (!(error instanceof Transient)) {
    await failUndo(ownership, step, failureOf(error));
    return 0;
  }
  tries.failures += 1;
  const forMs = Math.min(backoff(timing, tries.failures, error.retryAfterMs, Math.random), longestPauseMs);
  if (tries.failures >= 3)
    await log.setProgress(run, step, { text: `attempt ${tries.failures}: ${error.message}; tried again until it succeeds` });
  if (tries.failures === timing.attempts) await tell(ownership, state, error.message);
  return forMs;
}

/** Said once a give-back, whichever process failed so often first. */
async function tell(ownership: Ownership, { header, writesOffSince }: RunState, why: string): Promise<void> {
  const facts = await ownership.log.read(ownership.run);
  const begun = facts.findLastIndex(({ type }) => type === 'give-back.begun');
  if (facts.slice(begun).some((fact) => fact.type === 'note' && fact.marks === 'warning')) return;
  const text = [
    `The writes could not be given back yet: ${sentence(why)} ${writesSentence({ writesOffSince })}`,
    `It is tried again every ${longestPauseMs / 1_000} s; by hand: npx pgupgrade give-back-writes ${header?.environment} --service ${header?.service}`,
  ].join(' ');
  await commit(ownership, (now) => (now.status === 'giving-back' ? [{ type: 'note', by: 'bot', text, marks: 'warning' }] : undefined));
}

async function untilEither(ms: number, changed: Promise<void>, closing: AbortSignal): Promise<void> {
  const over = new AbortController();
  await Promise.race([rest(ms, AbortSignal.any([closing, over.signal])), changed]);
  over.abort();
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return pause(ms, undefined, { signal }).catch(() => undefined);
}
