import type { Fact } from '../engine/facts.ts';
import type { RunState } from '../engine/state.ts';
import { type Block, isCut, type Message } from './render/blocks.ts';
import { renderBoard } from './render/board.ts';
import { renderExhibits } from './render/exhibits.ts';
import { gateTitle, type RunViewData, runId, titleOf } from './render/face.ts';
import { renderFailure } from './render/failure.ts';
import { type GateAsked, planNeedsFile, renderGate } from './render/gate.ts';
import { renderDeed, renderGiveBack, renderReminder } from './render/people.ts';
import { renderPhase, stepOf } from './render/phase.ts';
import { renderReport } from './render/report.ts';
import { isTaskCut, renderTask } from './render/task.ts';
import { safe } from './render/text.ts';
import { reportFiles } from './report/files.ts';
import { reportOf } from './report/model.ts';

type Kind =
  | 'board'
  | 'phase'
  | 'gate'
  | 'task'
  | 'failure'
  | 'exhibits'
  | 'give-back'
  | 'deed'
  | 'warning'
  | 'reminder'
  | 'report'
  | 'file';

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
    case 'gate.asked': {
      // Looked at again and found the same: the first card shows it.
      if (view.facts.slice(0, index).some((one) => one.type === 'gate.asked' && one.nonce === fact.nonce)) return [];
      const title = gateTitle(view.shape, fact.gate);
      const plan = { name: `${fact.gate.replace(':', '-')}-plan.txt`, content: lines(fact.plan) };
      return [
        want(index, 'gate', renderGate(fact, view)),
        ...(planNeedsFile(fact) ? [file(index, 0, plan, `the whole plan of “${title}”`, view)] : []),
        ...remind(fact, index, view),
      ];
    }
    case 'task.asked': {
      const title = titleOf(view.shape, fact.step);
      const whole = isTaskCut(fact) ? { name: `${fact.step}-task.txt`, content: lines(fact.what) } : undefined;
      return [
        want(index, 'task', renderTask(fact, index, view)),
        ...attached(fact.file, index, 0, `for “${title}”`, view),
        ...attached(whole, index, 1, `everything that “${title}” asks for`, view),
      ];
    }
    case 'step.blocked': {
      const title = titleOf(view.shape, fact.step);
      const words = [fact.reason, fact.remedy];
      const whole = isCut(words.map(safe)) ? { name: `${fact.step}-failure.txt`, content: lines(words) } : undefined;
      return [
        want(index, 'failure', renderFailure(fact, index, then(index + 1), view)),
        ...(fact.exhibits ? [want(index, 'exhibits', renderExhibits(exhibitsTitle(fact.step, view), fact.exhibits))] : []),
        ...attached(fact.file, index, 0, `what “${title}” found`, view),
        ...attached(whole, index, 1, `why “${title}” stopped, in full`, view),
      ];
    }
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
        want(index, 'report', renderReport(until)),
        ...reportFiles(reportOf(until)).map((one, at) => file(index, at, one, 'the report', view)),
      ];
    }
    case 'way-back.tended': {
      const deed = renderDeed(fact, index, view);
      // What stands against going back needs eyes, and that its days are over; that a table was carried over does not.
      const loud = fact.lost !== undefined || fact.over !== undefined || fact.warnings.length + fact.gaps.length > 0;
      return deed ? [want(index, loud ? 'warning' : 'deed', deed)] : [];
    }
    case 'proof.kept': {
      const deed = renderDeed(fact, index, view);
      const loud = fact.kept.lost !== undefined || fact.kept.differing.length > 0;
      return deed ? [want(index, loud ? 'warning' : 'deed', deed)] : [];
    }
    default: {
      const deed = renderDeed(fact, index, view);
      const whole =
        fact.type === 'note' && isCut([safe(fact.text)]) ? { name: `note-${index}.txt`, content: lines([fact.text]) } : undefined;
      const loud = fact.type === 'note' && fact.marks === 'warning';
      return deed ? [want(index, loud ? 'warning' : 'deed', deed), ...attached(whole, index, 0, 'the whole note', view)] : [];
    }
  }
}

const broadcasts: ReadonlySet<Kind> = new Set(['gate', 'task', 'failure', 'exhibits', 'give-back', 'report', 'reminder', 'warning']);
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

interface TextFile {
  readonly name: string;
  readonly content: string;
}
function file(index: number, at: number, one: TextFile, what: string, view: RunViewData): Wanted {
  const blocks: readonly Block[] = [];
  return { ...want(index, 'file', { text: `${runId(view.state)}: ${safe(what)}, as ${safe(one.name)}.`, blocks }, `-${at}`), file: one };
}
function attached(one: TextFile | undefined, index: number, at: number, what: string, view: RunViewData): readonly Wanted[] {
  return one ? [file(index, at, one, what, view)] : [];
}
function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}

function remind(asked: GateAsked, index: number, view: RunViewData): readonly Wanted[] {
  const gate = view.state.gate;
  if (gate?.nonce !== asked.nonce || gate.expired) return [];
  return reminders
    .filter(({ after }) => view.now - asked.at >= after)
    .map(({ after, escalated }) => want(index, 'reminder', renderReminder(gate, view, escalated), `-${after / minute}`));
}
