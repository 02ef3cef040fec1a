import { Fatal, NeedsHuman, Transient } from '../errors.ts';
import { LeaseLost } from './commit.ts';
import type { Execution, Outcome, Ownership } from './execution.ts';
import type { FactBody } from './facts.ts';
import { type Failure, failureFacts, failureOf } from './failure.ts';
import { next } from './next.ts';
import { changeOfPlan, changeOfQuestion, planHash } from './plan.ts';
import type { RunState } from './state.ts';
import type { Observation, Step } from './step.ts';
import { isOfLeg, openSession, type Session } from './view.ts';

type Todo = Extract<Observation, { readonly state: 'todo' }>;
type Task = Extract<Observation, { readonly state: 'task' }>;

interface Execute<C> extends Session {
  readonly execution: Execution<C>;
  readonly step: Step<C>;
  readonly since: number;
}

/**
 * One execution of one step: look, act, look again; or ask, or wait. The lease must be held. `known`: the run's state, where the
 * caller has just read it.
 * @throws Transient for the job to try again, LeaseLost when another worker took the run over.
 */
export async function executeStep<C>(execution: Execution<C>, id: string, known?: RunState): Promise<Outcome> {
  const since = execution.now();
  const session = await openSession(execution, id, known);
  const step = execution.steps.get(id);
  if (!isNext(session.state(), execution, id)) return { kind: 'stale' };
  if (!step) throw new Fatal('step.unknown', `There is no step ${id} in this bot's runbook.`);
  try {
    await disconnectFirst(execution, step, session);
    const seen = await step.check(execution.clients, session.view);
    if (execution.signal.aborted && seen.state !== 'done') return { kind: 'interrupted' };
    return await act({ ...session, execution, step, since }, seen);
  } catch (error) {
    if (error instanceof LeaseLost) throw error;
    // What fails because it was interrupted is no failure: the next execution looks again.
    if (execution.signal.aborted) return { kind: 'interrupted' };
    if (error instanceof Transient) throw error;
    return await failStep(execution, id, failureOf(error));
  }
}

/** What was done is in the log before the step looks: a look that fails must not hide it. */
async function disconnectFirst<C>(execution: Execution<C>, step: Step<C>, session: Session): Promise<void> {
  const asked = session.state().disconnect;
  if (!step.disconnect || asked?.step !== step.id) return;
  const became = await step.disconnect(execution.clients, asked.sessions);
  await session.commit(() => [{ type: 'sessions.disconnected', step: step.id, by: asked.by, ...became }]);
}

/** Puts a failure of the step before people; inside the write stop it begins to give the writes back. */
export async function failStep(execution: Ownership, id: string, failure: Failure): Promise<Outcome> {
  const { commit } = await openSession(execution, id);
  const { written } = await commit((state) =>
    isNext(state, execution, id) || state.status === 'pausing' ? failureFacts(state, id, failure, false) : undefined,
  );
  return written ? { kind: 'advanced' } : { kind: 'stale' };
}

async function act<C>(execute: Execute<C>, seen: Observation): Promise<Outcome> {
  switch (seen.state) {
    case 'done':
      return await finish(execute, seen.evidence);
    case 'todo':
      return await carryOut(execute, seen);
    case 'waiting':
      return await lookAgain(execute, seen);
    case 'task':
      return await askTask(execute, seen);
    case 'blocked':
      return await failStep(execute.execution, execute.step.id, { ...seen, fate: 'human' });
    default:
      return seen satisfies never;
  }
}

async function carryOut<C>(execute: Execute<C>, seen: Todo): Promise<Outcome> {
  const { execution, step, view } = execute;
  const approved = execute.state().approved.get(step.id);
  if (step.gate && seen.gate && approved?.planHash !== planHash(seen.plan)) return await askGate(execute, step.gate.question, seen);
  if (!step.apply) {
    if (step.gate)
      return await finish(execute, seen.gate && approved ? `approved by ${approved.by.join(', ')}` : 'needs no approval this time');
    throw new Fatal('step.cannot-apply', `Step ${step.id} has something to do and no way to do it: ${seen.plan.join('; ')}.`);
  }
  const started = await start(execute, undefined, approved ? undefined : seen.plan);
  if (!started) return { kind: 'stale' };
  await step.apply(execution.clients, view);
  const after = await step.check(execution.clients, view);
  if (after.state === 'todo')
    throw new NeedsHuman('step.not-done-after-apply', `not done after apply: ${after.plan.join('; ')}`, {
      remedy: 'Look at what stands in its way, then press Retry.',
    });
  return await act(execute, after);
}

/** What is done is recorded whatever else was asked for meanwhile. */
async function finish<C>(execute: Execute<C>, evidence: string): Promise<Outcome> {
  const { step, execution } = execute;
  const { written } = await execute.commit((state) => {
    const known = state.steps.find((one) => one.id === step.id);
    if (state.endedAt !== undefined || !known || known.status === 'done' || known.status === 'undone' || known.status === 'kept')
      return undefined;
    const spans = step.writeStop === undefined || execute.spans.length === 0 ? {} : { spans: execute.spans };
    const done: FactBody = { type: 'step.done', step: step.id, evidence, changed: known.attempts > 0, ...spans };
    if (!isOfLeg(state, step.id)) return [done];
    // Found promoted without the fact of the call: the log has lost it, and the writes must never be given back now.
    if (step.writeStop === 'promotion' && !state.promotionCalled) return [{ type: 'promotion.called' }, done];
    return [...deadlineFacts(state, execution, step), done];
  });
  if (!written) return { kind: 'stale' };
  return { kind: 'advanced' };
}

/** Inside the write stop a short wait is sat out here: a job that is put back and taken up again costs more than the wait. */
const sitsOutMs = 5_000;

async function lookAgain<C>(execute: Execute<C>, seen: Extract<Observation, { readonly state: 'waiting' }>): Promise<Outcome> {
  execute.view.progress({ text: seen.progress });
  const known = execute.state().steps.find((one) => one.id === execute.step.id);
  if (!execute.step.apply && known?.attempts === 0 && !(await start(execute))) return { kind: 'stale' };
  const { execution, step, view } = execute;
  const left = execute.since + sitsOutMs - execution.now();
  if (step.writeStop !== undefined && step.writeStop !== 'gate' && seen.againInMs < left) {
    const rest = () => execution.pause(seen.againInMs, execution.signal);
    await (step.waitsFor ? view.spend(step.waitsFor, rest) : rest());
    const after = await step.check(execution.clients, view);
    if (execution.signal.aborted && after.state !== 'done') return { kind: 'interrupted' };
    return await act(execute, after);
  }
  return { kind: 'again', inMs: Math.min(Math.max(seen.againInMs, 50), 3_600_000) };
}

async function askGate<C>(execute: Execute<C>, question: string, seen: Todo): Promise<Outcome> {
  const { execution, step } = execute;
  const fresh = execution.nonce();
  const { written } = await execute.commit((state) => {
    if (!isNext(state, execution, step.id)) return undefined;
    const before = state.rechecked?.gate === step.id ? state.rechecked : undefined;
    const changed = before && changeOfQuestion(before, seen.plan);
    // The same plan, still open: the same question under its own number, so that its votes stand.
    const same = before && changed === undefined && !before.expired && execution.now() < before.expiresAt ? before : undefined;
    const because = same ? same.because : (changed ?? changeOfPlan(state.approved.get(step.id), seen.plan));
    return [
      {
        type: 'gate.asked',
        gate: step.id,
        step: step.id,
        nonce: same?.nonce ?? fresh,
        planHash: planHash(seen.plan),
        plan: seen.plan,
        shown: seen.shown,
        question,
        expiresAt: same?.expiresAt ?? execution.now() + execution.gateExpiresMs,
        ...(because === undefined ? {} : { because }),
      },
    ];
  });
  return written ? { kind: 'advanced' } : { kind: 'stale' };
}

/** What a person does counts as begun when it is asked for: undo has to walk it, and the deadline runs. */
async function askTask<C>(execute: Execute<C>, seen: Task): Promise<Outcome> {
  const said = execute.state().answers.get(execute.step.id);
  const asked = await start(execute, {
    type: 'task.asked',
    step: execute.step.id,
    what: seen.what,
    verifiedBy: seen.verifiedBy,
    ...(seen.expects === undefined ? {} : { expects: seen.expects }),
    ...(seen.file ? { file: seen.file } : {}),
    ...(said ? { because: `${said.by} said it is done, but it is not seen yet` } : {}),
  });
  return asked ? { kind: 'advanced' } : { kind: 'stale' };
}

async function start<C>(execute: Execute<C>, task?: FactBody, plan?: readonly string[]): Promise<boolean> {
  const { execution, step } = execute;
  const { written } = await execute.commit((state) => {
    if (!isNext(state, execution, step.id) || execution.signal.aborted) return undefined;
    const attempts = state.steps.find((one) => one.id === step.id)?.attempts ?? 0;
    const started: FactBody = {
      type: 'step.started',
      step: step.id,
      attempt: attempts + 1,
      token: execution.token,
      ...(plan ? { plan: plan.slice(0, 200) } : {}),
    };
    return [...(task && attempts > 0 ? [] : [started]), ...deadlineFacts(state, execution, step), ...(task ? [task] : [])];
  });
  return written !== undefined;
}

function deadlineFacts<C>(state: RunState, execution: Execution<C>, step: Step<C>): readonly FactBody[] {
  if (step.writeStop !== 'within' || state.writesOffSince !== undefined) return [];
  return [{ type: 'deadline.set', dueAt: execution.now() + execution.deadlineMs }];
}

function isNext(state: RunState, execution: Ownership, id: string): boolean {
  const move = next(state, execution.shape);
  return move.do === 'execute' && move.step === id;
}
