import { commit } from '../engine/commit.ts';
import { fold } from '../engine/fold.ts';
import { passDeadline } from '../engine/give-back.ts';
import { advance } from './advance.ts';
import { runExecution } from './execution.ts';
import { type Owed, owedBy } from './owed.ts';
import type { Verdict, Working } from './worker.ts';

const over: Verdict = { kind: 'over' };

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
    case 'give-back':
      return (await isOwed(working, data)) ? await runExecution(working, data, signal) : over;
    case 'deadline':
      return await passTheDeadline(working, data.run);
    case 'gate-expiry':
      return await expireGate(working, data);
    default:
      return data satisfies never;
  }
}

async function isOwed<C>({ jobs }: Working<C>, data: Owed): Promise<boolean> {
  const state = fold(await jobs.log.read(data.run), jobs.shape);
  return owedBy(state, jobs.shape).some(({ data: owed }) => {
    if (owed.kind !== data.kind) return false;
    return !('epoch' in owed) || !('epoch' in data) || (owed.epoch === data.epoch && owed.step === data.step);
  });
}

async function passTheDeadline<C>({ jobs }: Working<C>, run: string): Promise<Verdict> {
  const left = await passDeadline({ log: jobs.log, shape: jobs.shape, run }, Date.now);
  return left === undefined ? over : { kind: 'postponed', forMs: left, failures: 0 };
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
