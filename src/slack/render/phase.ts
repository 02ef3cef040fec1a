import type { Fact } from '../../engine/facts.ts';
import { type Message, message, section } from './blocks.ts';
import { type RunViewData, runId, titleOf } from './face.ts';
import { isOver, phasesOf } from './status.ts';
import { cut, duration, safe, time, who } from './text.ts';

/** The step that a fact tells about, where a phase's log shows it. */
export function stepOf(fact: Fact): string | undefined {
  switch (fact.type) {
    case 'step.started':
    case 'step.done':
    case 'step.skipped':
    case 'step.undone':
    case 'step.blocked':
    case 'task.asked':
      return fact.step;
    case 'gate.asked':
      return fact.step;
    default:
      return undefined;
  }
}

/** One reply a phase: a line for each step that ended, with its time and evidence; edited while the phase runs. */
export function renderPhase(name: string, view: RunViewData): Message {
  const phase = phasesOf(view).find((one) => one.name === name);
  const ids = new Set(view.shape.flatMap((step) => (step.phase === name ? [step.id] : [])));
  const over = phase?.steps.filter(isOver).length ?? 0;
  const count = phase?.steps.length ?? 0;
  const lines = view.facts.flatMap((fact, index) => phaseLine(fact, index, ids, view));
  const sign = count > 0 && over === count ? '✅' : view.state.endedAt === undefined ? '🔄' : '⏹';
  return message(`${runId(view.state)} ${safe(name)}: ${over} of ${count} steps done.`, [
    section(`${sign} *${safe(name)}* — ${over}/${count}`),
    // Newest lines matter most: a phase of many retries keeps its end.
    ...chunks(lines.slice(-40)).map((part) => section(...part)),
  ]);
}

function chunks(lines: readonly string[]): readonly (readonly string[])[] {
  const parts: string[][] = [];
  for (let at = 0; at < lines.length; at += 8) parts.push([...lines.slice(at, at + 8)]);
  return parts;
}

function phaseLine(fact: Fact, index: number, ids: ReadonlySet<string>, view: RunViewData): readonly string[] {
  const step = stepOf(fact);
  if (step === undefined || !ids.has(step)) return [];
  const at = time(fact.at, '{time_secs}');
  const title = safe(titleOf(view.shape, step));
  switch (fact.type) {
    case 'step.done': {
      const started = view.facts.findLast((one, before) => before < index && one.type === 'step.started' && one.step === step);
      const took = started ? ` · ${duration(fact.at - started.at)}` : '';
      return [`${at} ✅ ${title} — ${cut(safe(fact.evidence), 260)}${took}`];
    }
    case 'step.skipped':
      return [`${at} ⏭ ${title} — skipped by ${who(fact.by)}: ${cut(safe(fact.reason), 260)}`];
    case 'step.undone':
      return [`${at} ↩ ${title} — ${fact.how === 'undone' ? 'taken back' : 'left in place'}: ${cut(safe(fact.why), 260)}`];
    case 'step.blocked':
      return [`${at} ❌ ${title} — ${cut(safe(fact.reason), 260)}`];
    default:
      return [];
  }
}
