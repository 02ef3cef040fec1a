import { Fatal, Refused } from '../errors.ts';
import type { FactBody } from './facts.ts';
import { fold } from './fold.ts';
import type { RunLog } from './ports.ts';
import type { RunbookShape, RunState } from './state.ts';

/** The execution is not the owner of the run any more: whatever it still wants to do or say, another one decides. */
export class LeaseLost extends Error {
  constructor(run: string) {
    super(`the lease of ${run} is lost: another worker owns the run now`);
    this.name = 'LeaseLost';
  }
}

/** The facts to append in this state, or `undefined` if they are no longer right. */
export type Decide = (state: RunState) => readonly FactBody[] | undefined;

export interface CommitRequest {
  readonly log: Pick<RunLog, 'read' | 'append'>;
  readonly shape: RunbookShape;
  readonly run: string;
  /** The lease, for facts of an execution. */
  readonly token?: number;
}

/**
 * Read, fold, decide, append; a lost race is read and decided again, so no fact is ever written on an old picture and
 * none that is still right is dropped. Gives the state after it and what was written.
 * @throws LeaseLost when `token` does not own the run, Refused `environment.held` when a leg cannot begin.
 */
export async function commit(
  request: CommitRequest,
  decide: Decide,
): Promise<{ readonly state: RunState; readonly written: readonly FactBody[] | undefined }> {
  const { log, shape, run, token } = request;
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const state = fold(await log.read(run), shape);
    const facts = decide(state);
    if (facts === undefined || facts.length === 0) return { state, written: undefined };
    const answer = await log.append(run, state.version, facts, token);
    if (answer === 'not-owner') throw new LeaseLost(run);
    if (typeof answer === 'object')
      throw new Refused(
        'environment.held',
        `${answer.heldBy} holds ${state.header?.service} ${state.header?.environment} now; let it end or abort it, then ask again. Nothing was changed.`,
      );
    if (answer === 'appended') return { state: fold(await log.read(run), shape), written: facts };
  }
  throw new Fatal('log.contended', `The log of ${run} changed 200 times while one fact was to be appended.`);
}
