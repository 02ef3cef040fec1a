import { setTimeout as pause } from 'node:timers/promises';
import { commit } from '../engine/commit.ts';
import { fold } from '../engine/fold.ts';
import { advance } from './advance.ts';
import { runExecution } from './execution.ts';
import { type Owed, owedBy } from './owed.ts';
import type { Verdict, Working } from './worker.ts';

const over: Verdict = { kind: 'over' };
/** So long a job keeps its place beside those of other runs. */
const waitsAtMostMs = 1_000;

/** One job. What the run does not owe any more is dropped; then the queues are made to agree with what it owes next. */
export async function processJob<C>(working: Working<C>, data: Owed, signal: AbortSignal | undefined): Promise<Verdict> {
  const { jobs } = working;
  const verdict = await carryOut(working, data, signal);
  // A postponed job is the owed one itself. A pause or an abort that came meanwhile is for `advance` to settle as well.
  await advance(jobs, data.run);
  return verdict;
}

async function carryOut<C>(working: Working<C>, data: Owed, signal: AbortSignal | undefined): Promise<Verdict> {
  switch (data.kind) {
    case 'execute':
    case 'undo':
      return await execute(working, data, signal);
    case 'due':
      return await begin(working, data);
    case 'gate-expiry':
      return await expireGate(working, data);
    default:
      return data satisfies never;
  }
}

/**
 * One execution of a run at a time in this process. A job that is placed while another one goes on with the run's steps waits for its
 * end: to be put back, read and taken up again several times a second costs an execution in the write stop the processor.
 */
async function execute<C>(
  working: Working<C>,
  data: Extract<Owed, { readonly kind: 'execute' | 'undo' }>,
  signal: AbortSignal | undefined,
): Promise<Verdict> {
  const { executing } = working;
  const other = executing.get(data.run);
  if (other) await within(waitsAtMostMs, other);
  if (!(await isOwed(working, data))) return over;
  const mine = runExecution(working, data, signal);
  if (!executing.has(data.run)) executing.set(data.run, mine);
  try {
    return await mine;
  } finally {
    if (executing.get(data.run) === mine) executing.delete(data.run);
  }
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const ended = work.catch(() => undefined);
  await Promise.race([ended, pause(ms, undefined, { signal: over.signal }).catch(() => undefined)]);
  over.abort();
}

async function isOwed<C>({ jobs }: Working<C>, data: Owed): Promise<boolean> {
  const state = fold(await jobs.log.read(data.run), jobs.shape);
  return owedBy(state, jobs.shape).some(({ data: owed }) => {
    if (owed.kind !== data.kind) return false;
    return !('epoch' in owed) || !('epoch' in data) || (owed.epoch === data.epoch && owed.step === data.step);
  });
}

/** A planned run begins; where the environment was locked meanwhile it begins paused, and says why. */
async function begin<C>({ jobs }: Working<C>, data: Extract<Owed, { readonly kind: 'due' }>): Promise<Verdict> {
  const early = data.dueAt - Date.now();
  if (early > 0) return { kind: 'postponed', forMs: early, failures: 0 };
  const locks = await jobs.log.locks();
  await commit({ log: jobs.log, shape: jobs.shape, run: data.run }, (now) => {
    if (now.status !== 'planned' || !now.header) return undefined;
    const { service, environment } = now.header;
    const lock = locks.get(`${service}/${environment}`);
    const reason = lock && `${environment} is locked by ${lock.by}: ${lock.reason}. Unlock it, then resume.`;
    return [...(reason === undefined ? [] : [{ type: 'pause.requested', by: 'bot', reason } as const]), { type: 'run.due' }];
  });
  return over;
}

async function expireGate<C>({ jobs }: Working<C>, data: Extract<Owed, { readonly kind: 'gate-expiry' }>): Promise<Verdict> {
  const { state } = await commit({ log: jobs.log, shape: jobs.shape, run: data.run }, (now) => {
    const gate = now.gate;
    if (gate?.nonce !== data.nonce || gate.expired || now.endedAt !== undefined || Date.now() < gate.expiresAt) return undefined;
    return [{ type: 'gate.expired', gate: gate.gate, nonce: gate.nonce }];
  });
  const gate = state.gate;
  if (gate?.nonce !== data.nonce || gate.expired || state.endedAt !== undefined) return over;
  return { kind: 'postponed', forMs: Math.max(1, gate.expiresAt - Date.now()), failures: 0 };
}
