import type { RunState, StepShape, StepState } from '../../engine/state.ts';
import { wayBackIsArmed } from '../../engine/way-back.ts';
import { pointOfNoReturn } from '../../engine/writes.ts';
import type { RunViewData } from './face.ts';
import { gateTitle, titleOf } from './face.ts';
import { duration, plural, safe, time, who } from './text.ts';

export interface PhaseState {
  readonly name: string;
  readonly steps: readonly StepState[];
  readonly shapes: readonly StepShape[];
}

/** The run's steps under the runbook's headings, in order. A step that this bot does not know comes under "Earlier version". */
export function phasesOf(view: Pick<RunViewData, 'state' | 'shape'>): readonly PhaseState[] {
  const shapes = new Map(view.shape.map((shape) => [shape.id, shape]));
  const phases = new Map<string, { steps: StepState[]; shapes: StepShape[] }>();
  for (const step of view.state.steps) {
    const shape = shapes.get(step.id);
    const name = shape?.phase ?? 'Earlier version';
    const phase = phases.get(name) ?? { steps: [], shapes: [] };
    phase.steps.push(step);
    if (shape) phase.shapes.push(shape);
    phases.set(name, phase);
  }
  return [...phases].map(([name, phase]) => ({ name, ...phase }));
}

export function isOver(step: StepState): boolean {
  return step.status === 'done' || step.status === 'skipped';
}
export function stepsOver(state: RunState): number {
  return state.steps.filter(isOver).length;
}

/** Are writes on or off, and since when: every failure says it. */
export function writesSentence(state: RunState): string {
  if (state.writesOffSince !== undefined)
    return `Writes are OFF since ${time(state.writesOffSince, '{time_secs}')}${state.promotionCalled ? `; ${pointOfNoReturn(state)}` : ''}.`;
  const rollback = state.leg.name === 'rollback';
  if (rollback) return `Writes are on, on the ${state.promotionCalled ? 'old' : 'new'} instance.`;
  return state.promotionCalled || state.leg.name === 'retire' ? 'Writes are on, on the new instance.' : 'Writes are on.';
}

/** `🔄 Running`: never an emoji alone, so that it can be heard as well as seen. */
export function statusWords(view: Pick<RunViewData, 'state' | 'shape' | 'face'>): string {
  const { state, shape, face } = view;
  switch (state.status) {
    case 'nothing':
      return '⚪ Not started';
    case 'planned':
      return `🕙 Planned · starts ${time(state.header?.notBefore ?? 0, '{date_short_pretty} {time}')} by itself`;
    case 'running':
      return { upgrade: '🔄 Running', rollback: '🔄 Rolling back', retire: '🔄 Retiring the old instance' }[state.leg.name];
    case 'waiting-gate': {
      const gate = state.gate;
      if (!gate) return '🔒 Waiting for an approval';
      if (gate.expired) return `⌛ The question expired · ${safe(gateTitle(shape, gate.gate))}`;
      const open = face.gate(gate.gate).count - gate.votes.filter((vote) => vote.vote === 'approve').length;
      return `🔒 Waiting for ${plural(Math.max(1, open), 'approval')} · ${safe(gateTitle(shape, gate.gate))} · until ${time(gate.expiresAt)}`;
    }
    case 'waiting-task':
      return `🙋 Waiting for a person · ${safe(state.task ? titleOf(shape, state.task.step) : 'task')}`;
    case 'blocked':
      return `❌ Stopped · ${safe(state.blocked ? titleOf(shape, state.blocked.step) : 'a step')} · needs a decision`;
    case 'pausing':
      return `⏸ Pausing · stops after the current step · asked by ${who(state.pause?.by ?? 'bot')}`;
    case 'paused':
      return `⏸ Paused by ${who(state.pause?.by ?? 'bot')}${state.pause?.reason ? ` · ${safe(state.pause.reason)}` : ''}`;
    case 'aborting':
      return `🛑 Abort requested by ${who(state.abort?.by ?? 'bot')} · the current step ends first`;
    case 'undoing':
      if (state.takingBack) return `♻ Taking the copy back for ${who(state.takingBack.by)} · then everything is copied anew`;
      return state.leg.name === 'rollback' ? '↩ Rolled back; taking back what the upgrade did to the old instance' : '↩ Taking steps back';
    case 'giving-back':
      return `↩ Giving the writes back · ${safe(state.givingBack?.reason ?? '')}`;
    case 'finished':
      return `🏁 Finished${wayBackWords(view)}`;
    case 'aborted':
      return '🛑 Aborted';
    case 'rolled-back':
      return '↩ Rolled back';
    case 'retired':
      return '🏁 Finished and retired';
    default:
      return state.status satisfies never;
  }
}

/** ` · way back armed until …`; when the days are over, what ends it. */
function wayBackWords({ state, face }: Pick<RunViewData, 'state' | 'face'>): string {
  if (!wayBackIsArmed(state, 'arm-way-back') || state.endedAt === undefined) return '';
  const until = time(state.endedAt + face.wayBackDays * 86_400_000, '{date_short_pretty} {time}');
  return ` · way back armed until ${until}, then \`/pgupgrade retire ${state.header?.run}\``;
}

/** The write stop's clock: how long writes are off, and until when the promotion must be called or since when it runs; undefined while writes are on. */
export function clock(view: Pick<RunViewData, 'state' | 'face' | 'now' | 'facts'>): string | undefined {
  const { state, face, now } = view;
  if (state.writesOffSince === undefined) return undefined;
  const off = duration(now - state.writesOffSince);
  return state.promotionCalled
    ? `⛔ *Writes off ${off}* · ${pointOfNoReturn(state)}${calledAgo(view)}; nothing is given back automatically`
    : state.leg.writesWereOff
      ? `⛔ *Writes off ${off}* · both instances are closed until people decide`
      : `⛔ *Writes off ${off}* of at most ${duration(face.deadlineMs)} until ${state.leg.name === 'rollback' ? 'the old instance is opened' : 'the promotion is called'}${timeLeft(view)}`;
}

function timeLeft({ state: { deadlineAt }, now }: Pick<RunViewData, 'state' | 'now'>): string {
  return deadlineAt === undefined ? '' : ` · *${duration(Math.max(0, deadlineAt - now))} left*, else the writes are given back`;
}

function calledAgo({ facts, now }: Pick<RunViewData, 'facts' | 'now'>): string {
  const called = facts.findLast((fact) => fact.type === 'promotion.called');
  return called ? ` ${duration(Math.max(0, now - called.at))} ago, at ${time(called.at, '{time_secs}')}` : '';
}
