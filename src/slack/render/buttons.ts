import type { types } from '@slack/bolt';
import { whyNotComparable } from '../../engine/comparable.ts';
import { retire, rollback } from '../../engine/legs.ts';
import { abort, disconnect, pause, restartCopy } from '../../engine/moves.ts';
import type { RunbookShape, RunState } from '../../engine/state.ts';
import { wayBackIsArmed } from '../../engine/way-back.ts';
import { button } from './blocks.ts';
import { type RunViewData, runId, titleOf } from './face.ts';

/** May a person still stop this run and take it back? Asked of the rule that decides the click. */
export function mayAbort(state: RunState, shape: RunbookShape): boolean {
  return abort(state, shape, 'bot', 'a reason').kind === 'facts';
}

/** Are there sessions in the way that a person may have ended? They are shown before anybody is. */
export function mayDisconnect(state: RunState): boolean {
  return disconnect(state, 'bot', []).kind === 'facts';
}

/** Does the failure say that a copy which begins anew makes it good, and may it begin? What that loses is shown before anybody decides. */
export function mayRestartCopy(state: RunState, shape: RunbookShape): boolean {
  return state.blocked?.restartCopy === true && restartCopy(state, shape, 'bot', 'a reason').kind === 'facts';
}

/** The buttons of the board: only what would be accepted now. They carry ids; the log decides when one is pressed. */
export function legalMoves({ state, shape }: Pick<RunViewData, 'state' | 'shape'>): readonly types.Button[] {
  if (!state.header) return [];
  if (state.endedAt !== undefined) return [...rollbackButton(state, shape), ...retireButton(state, shape)];
  const run = runId(state);
  const buttons: types.Button[] = [];
  if (state.blocked) buttons.push(...failureButtons(state, shape));
  if (state.pause) buttons.push(button({ id: 'run:resume', label: '▶ Resume', value: run, style: 'primary' }));
  else if (!state.blocked && !state.givingBack && pause(state, 'bot', '').kind === 'facts')
    buttons.push(button({ id: 'run:pause', label: '⏸ Pause', value: run }));
  buttons.push(
    button({ id: 'run:status', label: '📋 Steps', value: run }),
    ...validateButton(state),
    button({ id: 'run:note', label: '📝 Note…', value: run }),
    button({ id: 'run:handoff', label: '🤝 Hand over…', value: run }),
  );
  if (mayAbort(state, shape)) buttons.push(button({ id: 'run:abort', label: '🛑 Abort…', value: run, style: 'danger' }));
  return [...buttons, ...rollbackButton(state, shape)];
}

/** Once the destination follows the source, until the promotion: a comparison on demand. */
function validateButton(state: RunState): readonly types.Button[] {
  const follows = state.steps.some(({ id, status }) => id === 'wait-for-sync' && status === 'done');
  if (!follows || whyNotComparable(state) !== undefined) return [];
  const confirm = {
    title: 'Compare now?',
    text: 'Every row of both instances is read while changes flow; it changes nothing. The answer is for you alone.',
    yes: 'Compare',
  };
  return [button({ id: 'run:validate', label: '🔎 Validate now', value: runId(state), confirm })];
}

/** The end of the way back, of a run that has finished. */
function retireButton(state: RunState, shape: RunbookShape): readonly types.Button[] {
  if (!shape.some(({ leg }) => leg === 'retire') || retire(state, shape, 'bot', '').kind !== 'facts') return [];
  const confirm = {
    title: 'Retire the old instance?',
    text: 'The way back ends and the old instance is deleted, each after a question of its own that people approve.',
    yes: 'Retire',
  };
  return [button({ id: 'run:retire', label: '🗄 Retire the old instance', value: runId(state), confirm })];
}

/** The way to the old instance: once the promotion was called, and as long as the run can go back by what it armed. */
export function rollbackButton(state: RunState, shape: RunbookShape): readonly types.Button[] {
  if (!state.promotionCalled || rollback(state, shape, 'bot', 'a reason').kind !== 'facts') return [];
  const writesOff = state.writesOffSince !== undefined;
  if (!writesOff && !wayBackIsArmed(state, 'arm-way-back')) return [];
  const against = state.wayBack.warnings.length + state.wayBack.gaps.length;
  return [
    button({
      id: 'run:rollback',
      label: writesOff ? '↩ Return to the source…' : against > 0 ? `↩ Roll back (⚠ ${against} against it)…` : '↩ Roll back…',
      value: runId(state),
      style: 'danger',
    }),
  ];
}

/** Retry, Disconnect where sessions are in the way, Restart the copy where that makes it good, Skip where the step allows it. */
export function failureButtons(state: RunState, shape: RunViewData['shape']): readonly types.Button[] {
  const stopped = state.blocked;
  if (!stopped) return [];
  const value = `${runId(state)}:${stopped.step}`;
  const again = stopped.undoing ? '🔁 Try taking back again' : '🔁 Retry';
  const title = titleOf(shape, stopped.step);
  return [
    button({ id: 'run:retry', label: again, value, style: 'primary' }),
    ...(mayDisconnect(state)
      ? [button({ id: 'run:disconnect', label: '🔌 Disconnect…', value: `${value}:${stopped.at}`, style: 'danger' })]
      : []),
    ...(mayRestartCopy(state, shape)
      ? [button({ id: 'run:restart-copy', label: '♻ Restart the copy…', value: runId(state), style: 'danger' })]
      : []),
    ...(stopped.skippable ? [button({ id: 'run:skip', label: `⏭ Skip ${title}…`, value })] : []),
  ];
}
