import { Fatal } from '../errors.ts';
import { commit, type Decide } from './commit.ts';
import type { Ownership } from './execution.ts';
import { fold } from './fold.ts';
import type { RunState } from './state.ts';
import type { RunView } from './step.ts';
import type { Span } from './timeline.ts';
import { deadlinePassed, mustGiveBack } from './writes.ts';

const progressEveryMs = 200;

/** A step's view of its run, and the state behind it, which every commit renews. */
export interface Session {
  state(): RunState;
  commit(decide: Decide): ReturnType<typeof commit>;
  readonly view: RunView;
  /** What the execution spent its time on so far. */
  readonly spans: readonly Span[];
}

/** Opens the run's log for one execution of `step`. `known`: the state, where the caller has just read it. */
export async function openSession(execution: Ownership, step: string, known?: RunState): Promise<Session> {
  let state = known ?? fold(await execution.log.read(execution.run), execution.shape);
  const header = state.header;
  if (!header) throw new Fatal('run.unknown', `There is no run ${execution.run}.`);
  const commitAndKeep = async (decide: Decide) => {
    const answer = await commit(execution, decide, state);
    state = answer.state;
    return answer;
  };
  const spans: Span[] = [];
  let progressAgainAt = 0;
  const view: RunView = {
    run: header.run,
    uid: header.uid,
    service: header.service,
    environment: header.environment,
    get leg() {
      return state.leg.name;
    },
    from: header.from,
    to: header.to,
    signal: execution.signal,
    async record(key, value) {
      await commitAndKeep(() => [{ type: 'fact.recorded', step, key, value: value ?? null }]);
    },
    recall<T>(key: string, of: string = step) {
      return state.records.get(of)?.get(key) as T | undefined;
    },
    get answer() {
      return state.answers.get(step)?.answer;
    },
    progress(progress) {
      // Everybody who watches the run reads it again: in a comparison that would be dozens of times a second.
      if (execution.now() < progressAgainAt) return;
      progressAgainAt = execution.now() + progressEveryMs;
      // Only for eyes: a lost one is replaced by the next.
      execution.log.setProgress(execution.run, step, progress).catch(() => undefined);
    },
    async spend(cause, work) {
      const from = execution.now();
      try {
        return await work();
      } finally {
        spans.push({ cause, from, to: execution.now() });
      }
    },
    claimPromotion: () => claimPromotion(execution, step, commitAndKeep),
    async promotionRefused(reason) {
      await commitAndKeep((now) => (now.promotionCalled ? [{ type: 'promotion.refused', reason }] : undefined));
    },
    get deadlineAt() {
      return state.deadlineAt;
    },
  };
  return { state: () => state, commit: commitAndKeep, view, spans };
}

/** The way to the promotion is open only while nobody gives back, pauses or aborts, and the deadline has not passed. */
async function claimPromotion(execution: Ownership, step: string, commitAndKeep: Session['commit']): Promise<boolean> {
  const { state } = await commitAndKeep((now) => {
    if (now.promotionCalled || now.status !== 'running' || !isOfLeg(now, step)) return undefined;
    if (now.deadlineAt !== undefined && execution.now() >= now.deadlineAt) {
      if (!mustGiveBack(now)) return undefined;
      return [{ type: 'give-back.begun', reason: deadlinePassed(now, execution.now()) }];
    }
    return execution.signal.aborted ? undefined : [{ type: 'promotion.called' }];
  });
  return state.promotionCalled && state.status === 'running' && isOfLeg(state, step);
}

/** Does the step belong to the leg that the run is on? One that was open when another leg began does not. */
export function isOfLeg(state: RunState, step: string): boolean {
  return state.steps.find((one) => one.id === step)?.leg === state.leg.name;
}
