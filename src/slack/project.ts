import type { Fact } from '../engine/facts.ts';
import type { RunState } from '../engine/state.ts';
import type { Block, Message } from './render/blocks.ts';
import { renderBoard } from './render/board.ts';
import { renderExhibits } from './render/exhibits.ts';
import { type RunViewData, runId, titleOf } from './render/face.ts';
import { renderFailure } from './render/failure.ts';
import { type GateAsked, planNeedsFile, renderGate } from './render/gate.ts';
import { renderDeed, renderGiveBack, renderReminder } from './render/people.ts';
import { renderPhase, stepOf } from './render/phase.ts';
import { renderReport, reportOf } from './render/report.ts';
import { reportFiles } from './render/report-files.ts';
import { renderTask } from './render/task.ts';

type Kind = 'board' | 'phase' | 'gate' | 'task' | 'failure' | 'exhibits' | 'give-back' | 'deed' | 'reminder' | 'report' | 'file';

/** One message that the channel should show. The channel is a projection of the log: what is missing is posted, what differs is edited. */
export interface Wanted {
  /** Unique in the run and for ever the same: the fact's index and the kind. */
  readonly key: string;
  readonly index: number;
  readonly kind: Kind;
  readonly message: Message;
  /** Shown in the channel too, not only in the thread: what needs a person. */
  readonly broadcast: boolean;
  /** Posted again, marked "(repeat)", when nobody knows whether the first arrived: without it nobody would act. */
  readonly repeatable: boolean;
  readonly file?: { readonly name: string; readonly content: string };
}

const minute = 60_000;
/** After how long an open question is brought up again. */
const reminders: readonly { readonly after: number; readonly escalated: boolean }[] = [
  { after: 5 * minute, escalated: false },
  { after: 15 * minute, escalated: true },
];

/** Everything that a run's thread should show now, in the order of its facts. `then` folds the first `length` facts. */
export function wantedMessages(view: RunViewData, then: (length: number) => RunState): readonly Wanted[] {
  const begun = new Set<string>();
  return view.facts.flatMap((fact, index) => [...phaseOf(fact, index, view, begun), ...ofFact(fact, index, view, then)]);
}

function phaseOf(fact: Fact, index: number, view: RunViewData, begun: Set<string>): readonly Wanted[] {
  const step = stepOf(fact);
  const phase = step === undefined ? undefined : view.shape.find((shape) => shape.id === step)?.phase;
  if (phase === undefined || begun.has(phase)) return [];
  begun.add(phase);
  return [want(index, 'phase', renderPhase(phase, view))];
}

function ofFact(fact: Fact, index: number, view: RunViewData, then: (length: number) => RunState): readonly Wanted[] {
  switch (fact.type) {
    case 'run.started':
      return [want(index, 'board', renderBoard(view))];
    case 'gate.asked':
      // Looked at again and found the same: the first card shows it.
      if (view.facts.slice(0, index).some((one) => one.type === 'gate.asked' && one.nonce === fact.nonce)) return [];
      return [
        want(index, 'gate', renderGate(fact, view)),
        ...(planNeedsFile(fact) ? [file(index, 0, `${fact.gate.replace(':', '-')}-plan.txt`, `${fact.plan.join('\n')}\n`)] : []),
        ...remind(fact, index, view),
      ];
    case 'task.asked':
      return [want(index, 'task', renderTask(fact, index, view)), ...attached(fact.file, index)];
    case 'step.blocked':
      return [
        want(index, 'failure', renderFailure(fact, index, then(index + 1), view)),
        ...(fact.exhibits ? [want(index, 'exhibits', renderExhibits(exhibitsTitle(fact.step, view), fact.exhibits))] : []),
        ...attached(fact.file, index),
      ];
    case 'give-back.begun':
    case 'writes.given-back':
      return [want(index, 'give-back', renderGiveBack(fact, view))];
    case 'run.finished':
    case 'run.aborted':
    case 'run.rolled-back':
    case 'run.retired': {
      // What came after a run had ended, a rollback, is no part of its report.
      const until = { ...view, state: then(index + 1), facts: view.facts.slice(0, index + 1) };
      return [
        want(index, 'report', renderReport(fact, until)),
        ...reportFiles(reportOf(until)).map((one, at) => file(index, at, one.name, one.content)),
      ];
    }
    default: {
      const deed = renderDeed(fact, index, view);
      return deed ? [want(index, 'deed', deed)] : [];
    }
  }
}

const broadcasts: ReadonlySet<Kind> = new Set(['gate', 'task', 'failure', 'exhibits', 'give-back', 'report', 'reminder']);
/** Without the board there is no thread; without the others nobody knows that a decision is wanted. */
const repeatables: ReadonlySet<Kind> = new Set(['board', 'gate', 'task', 'failure']);

function exhibitsTitle(step: string, view: RunViewData): string {
  return `${runId(view.state)} ${titleOf(view.shape, step)}: what differs`;
}

function want(index: number, kind: Kind, message: Message, suffix = ''): Wanted {
  return {
    key: `${index}-${kind}${suffix}`,
    index,
    kind,
    message,
    broadcast: broadcasts.has(kind),
    repeatable: repeatables.has(kind),
  };
}

function file(index: number, at: number, name: string, content: string): Wanted {
  const blocks: readonly Block[] = [];
  return { ...want(index, 'file', { text: name, blocks }, `-${at}`), file: { name, content } };
}
function attached(one: { readonly name: string; readonly content: string } | undefined, index: number): readonly Wanted[] {
  return one ? [file(index, 0, one.name, one.content)] : [];
}

function remind(asked: GateAsked, index: number, view: RunViewData): readonly Wanted[] {
  const gate = view.state.gate;
  if (gate?.nonce !== asked.nonce || gate.expired) return [];
  return reminders
    .filter(({ after }) => view.now - asked.at >= after)
    .map(({ after, escalated }) => want(index, 'reminder', renderReminder(gate, view, escalated), `-${after / minute}`));
}
