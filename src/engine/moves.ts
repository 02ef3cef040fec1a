import { type Decision, refused } from './approvals.ts';
import type { FactBody } from './facts.ts';
import type { RunbookShape, RunState } from './state.ts';
import { isBegun } from './status.ts';
import { mustGiveBack, pointOfNoReturn, writesSentence } from './writes.ts';

/** Stop after the open execution; inside the write stop the writes are given back first. */
export function pause(state: RunState, by: string, reason: string): Decision {
  const over = notRunning(state);
  if (over) return over;
  if (state.abort)
    return refused('run.aborting', `${name(state)} is being aborted by ${state.abort.by}; it cannot be paused. Wait for its end.`);
  if (state.takingBack)
    return refused(
      'copy.restarting',
      `${name(state)} is taken back for ${state.takingBack.by}, to copy anew; it can be paused after that.`,
    );
  if (state.status === 'undoing')
    return refused('run.undoing', `${name(state)} takes its steps back; it cannot be paused. Wait for its end.`);
  if (state.pause) return refused('run.paused', `${name(state)} is already paused by ${state.pause.by}; resume it to go on.`);
  const message = mustGiveBack(state)
    ? `${by} paused ${name(state)}; the writes are given back first.`
    : `${by} paused ${name(state)}. ${writesSentence(state)}`;
  return { kind: 'facts', facts: [{ type: 'pause.requested', by, reason }, ...giveBackFirst(state, `${by} paused the run`)], message };
}

/** Go on where the pause began. */
export function resume(state: RunState, by: string): Decision {
  const over = notRunning(state);
  if (over) return over;
  if (!state.pause)
    return refused('run.not-paused', `${name(state)} is not paused, so there is nothing to resume; its status says what it waits for.`);
  return { kind: 'facts', facts: [{ type: 'run.resumed', by }], message: `${by} resumed ${name(state)}.` };
}

/** Execute the blocked step (or its undo) again: it looks before it acts. */
export function retry(state: RunState, by: string, step?: string): Decision {
  const over = notRunning(state);
  if (over) return over;
  const blocked = state.blocked;
  if (!blocked)
    return refused(
      'run.not-blocked',
      `${name(state)} is not blocked, so there is nothing to try again; its status says what it waits for.`,
    );
  if (step !== undefined && step !== blocked.step)
    return refused(
      'run.other-step',
      `${name(state)} is blocked at ${blocked.step}, not at ${step}; nothing was changed. Retry ${blocked.step}.`,
    );
  if (blocked.code === 'run.not-understood') return refused(blocked.code, `${blocked.reason} ${blocked.remedy}`);
  return {
    kind: 'facts',
    facts: [{ type: 'retry.requested', step: blocked.step, by }],
    message: `${by} tries ${blocked.undoing ? 'the undo of ' : ''}${blocked.step} again.`,
  };
}

/**
 * Ends sessions that the run's failure shows, those of `pids`, and executes the step again. `failure`: when the failure of the message
 * that was pressed was told; another one may show others.
 */
export function disconnect(state: RunState, by: string, pids: readonly number[], failure?: number): Decision {
  const tried = retry(state, by);
  const blocked = state.blocked;
  if (tried.kind === 'refused' || !blocked) return tried;
  const nobody = 'nobody was disconnected';
  if (state.status !== 'blocked')
    return refused('run.not-blocked', `${name(state)} is ${state.status}, so ${nobody}; let it go on first, then see who is in its way.`);
  if (failure !== undefined && failure !== blocked.at)
    return refused(
      'disconnect.stale',
      `${name(state)} has looked again since that message, so ${nobody}; press Disconnect in its newest one, which shows who is in the way now.`,
    );
  if (blocked.sessions.length === 0)
    return refused(
      'disconnect.no-session',
      `No session keeps ${blocked.step} of ${name(state)} from going on (it stopped with ${blocked.code}), so ${nobody}; do what its failure says, then retry.`,
    );
  const unknown = pids.filter((pid) => !blocked.sessions.some((session) => session.pid === pid));
  if (unknown.length > 0)
    return refused(
      'disconnect.not-shown',
      `The failure of ${name(state)} shows no session with pid ${unknown.join(', ')}, so ${nobody}; those in the way are ${blocked.sessions.map(({ who }) => who).join('; ')}.`,
    );
  const chosen = blocked.sessions.filter(({ pid }) => pids.includes(pid));
  return {
    kind: 'facts',
    facts: [{ type: 'retry.requested', step: blocked.step, by, disconnect: chosen }],
    message: `${by} has these disconnected, then ${blocked.step} is tried again: ${chosen.map(({ who }) => who).join('; ')}.`,
  };
}

/** A question that expired is asked anew, with what the step sees then. */
export function askAgain(state: RunState, by: string, nonce: string): Decision {
  const over = notRunning(state);
  if (over) return over;
  if (!state.gate || state.gate.nonce !== nonce)
    return refused('gate.stale', 'This question is not open any more; nothing was changed. Answer the newest one of the run.');
  return {
    kind: 'facts',
    facts: [{ type: 'retry.requested', step: state.gate.step, by }],
    message: `${by} asks about ${state.gate.gate} again.`,
  };
}

/** Go on without a step that failed, where the runbook allows it; undoing, leave a step as it is. */
export function skip(state: RunState, by: string, step: string, reason: string): Decision {
  const over = notRunning(state);
  if (over) return over;
  const blocked = state.blocked;
  if (blocked?.step !== step)
    return refused(
      'step.not-blocked',
      `Only a step that is blocked can be skipped; ${step} is not. The run’s status says where it stands.`,
    );
  if (!blocked.skippable)
    return refused('step.not-skippable', `${step} cannot be skipped: what comes after it needs it. Retry, or abort the run.`);
  if (reason.trim() === '') return refused('skip.reason-missing', `Say why ${step} is skipped: it stays in the report.`);
  return {
    kind: 'facts',
    facts: [{ type: 'step.skipped', step, by, reason: reason.trim() }],
    message: blocked.undoing ? `${by} leaves ${step} as it is: ${reason.trim()}` : `${by} skipped ${step}: ${reason.trim()}`,
  };
}

/** Undo everything of the leg. Inside the write stop the writes are given back first; after its point of no return it is refused. */
export function abort(state: RunState, shape: RunbookShape, by: string, reason: string): Decision {
  const over = notRunning(state);
  if (over) return over;
  if (state.abort) return refused('run.aborting', `${name(state)} is already being aborted by ${state.abort.by}; wait for its end.`);
  const final = state.promotionCalled ? `${pointOfNoReturn(state)}, so it may already be the one that is written to` : passed(state, shape);
  if (final !== undefined)
    return refused('run.irreversible', `${name(state)} cannot be aborted any more: ${final}. Go on, or roll it back when it has finished.`);
  if (reason.trim() === '') return refused('abort.reason-missing', `Say why ${name(state)} is aborted: it stays in the report.`);
  return {
    kind: 'facts',
    facts: [{ type: 'abort.requested', by, reason: reason.trim() }, ...giveBackFirst(state, `${by} aborted the run`)],
    message: `${by} aborted ${state.leg.name === 'upgrade' ? '' : `the ${legWords[state.leg.name]} of `}${name(state)}: ${reason.trim()}. What was done is undone, latest first.`,
  };
}

/**
 * Take back everything down to where the copy begins and go on from there: what was copied is thrown away, everything else stays. Inside
 * the write stop the writes are given back first.
 */
export function restartCopy(state: RunState, shape: RunbookShape, by: string, reason: string): Decision {
  const over = notRunning(state);
  if (over) return over;
  const run = name(state);
  if (state.abort) return refused('run.aborting', `${run} is being aborted by ${state.abort.by}, so its copy cannot be restarted.`);
  if (state.takingBack)
    return refused(
      'copy.restarting',
      `The copy of ${run} is already being restarted for ${state.takingBack.by}; wait until it begins anew.`,
    );
  const final = state.leg.name === 'upgrade' && !state.promotionCalled ? passed(state, shape) : 'the promotion was called';
  if (final !== undefined)
    return refused('copy.over', `The copy of ${run} cannot be restarted any more: ${final}. Go on, or roll it back when it has finished.`);
  const to = shape.find((step) => step.copy === 'begins')?.id;
  const first = state.steps.find((step) => step.id === to);
  if (!first || !isBegun(first))
    return refused('copy.not-begun', `No copy of ${run} has begun, so there is none to restart; its status says what it waits for.`);
  if (reason.trim() === '') return refused('copy.reason-missing', `Say why the copy of ${run} is restarted: it stays in the report.`);
  return {
    kind: 'facts',
    facts: [
      { type: 'copy.restart-requested', by, reason: reason.trim(), to: first.id },
      ...giveBackFirst(state, `${by} restarted the copy`),
    ],
    message: `${by} restarts the copy of ${run}: ${reason.trim()}. ${mustGiveBack(state) ? 'The writes are given back first' : writesSentence(state).slice(0, -1)}; what the copy brought is taken back, then everything is copied anew.`,
  };
}

/** A person says that a task is done; the bot looks for itself before it believes it. */
export function taskDone(state: RunState, by: string, step: string, answer: string): Decision {
  const over = notRunning(state);
  if (over) return over;
  const task = state.task;
  if (task?.step !== step)
    return refused('task.not-open', `There is no open task ${step} in ${name(state)}; its status says what it waits for.`);
  if (task.expects !== undefined && answer.trim() === '')
    return refused('task.answer-missing', `${step} needs an answer: ${task.expects}.`);
  return {
    kind: 'facts',
    facts: [{ type: 'task.done', step, by, answer: answer.trim() }],
    message: `${by} says that ${step} is done; the bot looks for itself.`,
  };
}

/** The run's operator is somebody else from now on: named in its messages, and no independent approver any more. */
export function handOver(state: RunState, by: string, to: string): Decision {
  const over = notRunning(state);
  if (over) return over;
  if (state.operator === to) return refused('handoff.same', `${to} already carries ${name(state)}; nothing was changed.`);
  return { kind: 'facts', facts: [{ type: 'run.handed-over', by, to }], message: `${by} handed ${name(state)} over to ${to}.` };
}

/** A remark for the report. */
export function note(state: RunState, by: string, text: string): Decision {
  if (!state.header) return refused('run.unknown', 'There is no such run; the list names them.');
  if (text.trim() === '') return refused('note.empty', 'Write what is to be noted, in quotes; nothing was changed.');
  return { kind: 'facts', facts: [{ type: 'note', by, text: text.trim() }], message: `${by} noted: ${text.trim()}` };
}

function giveBackFirst(state: RunState, reason: string): readonly FactBody[] {
  return mustGiveBack(state) ? [{ type: 'give-back.begun', reason }] : [];
}

const legWords = { upgrade: 'upgrade', rollback: 'rollback', retire: 'retirement' } as const;

/** Why the leg cannot be taken back any more, as a part of a sentence; the point of no return of its write stop left out. */
export function passed(state: RunState, shape: RunbookShape): string | undefined {
  const last = state.steps.find((step) => {
    const known = shape.find((one) => one.id === step.id && one.leg === state.leg.name);
    return known?.irreversible && known.writeStop !== 'promotion' && step.attempts > 0;
  });
  return last && `${last.id} has begun and cannot be undone`;
}

const endings: Partial<Record<RunState['status'], string>> = {
  finished: 'finished',
  aborted: 'been aborted',
  'rolled-back': 'been rolled back',
  retired: 'been retired',
};

function notRunning(state: RunState): Decision | undefined {
  if (!state.header) return refused('run.unknown', 'There is no such run; the list names them.');
  if (state.endedAt !== undefined)
    return refused(
      'run.ended',
      `${name(state)} has ${endings[state.status] ?? 'ended'}; nothing was changed. Its report says what came out.`,
    );
  return undefined;
}

function name(state: RunState): string {
  return state.header?.run ?? 'the run';
}
