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
 * Decide, append, read what it came to; a lost race is decided again on what was read, so no fact is ever written on an old picture
 * and none that is still right is dropped. `known`: the state that the caller read last, to decide on without reading it anew; that
 * there is nothing to write is never decided on it alone. Gives the state after it and what was written.
 * @throws LeaseLost when `token` does not own the run, Refused `environment.held` when a leg cannot begin.
 */
export async function commit(
  request: CommitRequest,
  decide: Decide,
  known?: RunState,
): Promise<{ readonly state: RunState; readonly written: readonly FactBody[] | undefined }> {
  const { log, shape, run, token } = request;
  const read = async () => fold(await log.read(run), shape);
  let state = known ?? (await read());
  let isFresh = known === undefined;
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const facts = decide(state);
    if (facts === undefined || facts.length === 0) {
      if (isFresh) return { state, written: undefined };
      state = await read();
      isFresh = true;
      continue;
    }
    const length = state.version + facts.length;
    // One way to Redis and back: it answers in the order in which it is asked.
    const [answer, after] = await Promise.all([log.append(run, state.version, facts, token), log.read(run)]);
    if (answer === 'not-owner') throw new LeaseLost(run);
    if (typeof answer === 'object')
      throw new Refused(
        'environment.held',
        `${answer.heldBy} holds ${state.header?.service} ${state.header?.environment} now; let it end or abort it, then ask again. Nothing was changed.`,
      );
    state = fold(after, shape);
    isFresh = true;
    if (answer === 'appended') return { state: state.version >= length ? state : await read(), written: facts };
  }
  throw new Fatal('log.contended', `The log of ${run} changed 200 times while one fact was to be appended.`);
}
