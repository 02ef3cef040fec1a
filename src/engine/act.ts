import type { Decision } from './approvals.ts';
import { commit } from './commit.ts';
import type { RunLog } from './ports.ts';
import type { RunbookShape, RunState } from './state.ts';

/**
 * Carries out what a person asked for: reads the run, decides, appends; of two clicks in the same moment the second is
 * decided on what the first one left. The caller then tells the dispatcher to advance the run.
 */
export async function act(
  request: { readonly log: Pick<RunLog, 'read' | 'append'>; readonly shape: RunbookShape; readonly run: string },
  move: (state: RunState) => Decision,
): Promise<{ readonly decision: Decision; readonly state: RunState }> {
  let decision: Decision | undefined;
  const { state } = await commit(request, (now) => {
    decision = move(now);
    return decision.kind === 'facts' ? decision.facts : undefined;
  });
  return { decision: decision ?? move(state), state };
}
