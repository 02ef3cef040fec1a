import type { Fact } from '../../engine/facts.ts';

import type { RunState } from '../../engine/state.ts';

import { partsOf, type Stretch, timelineOf } from '../../engine/timeline.ts';
import { type Block, fields, header, type Message, message, section } from './blocks.ts';
import { type Compared, comparisonsOf } from './comparisons.ts';
import { gateTitle, type RunViewData, runId, runName, titleOf } from './face.ts';
import { writesSentence } from './status.ts';
import { cut, duration, people, plural, safe, time } from './text.ts';

/** A run in numbers and sentences: what the last message and the report's files are made from. Times in milliseconds. */
export interface Report {
  readonly run: string;
  readonly name: string;
  readonly ended: 'finished' | 'aborted' | 'rolled-back' | 'retired' | 'running';
  readonly startedAt: number;
  readonly endedAt: number | undefined;
  readonly outages: readonly {
    readonly from: number;
    readonly to: number;
    readonly end: RunState['writeStops'][number]['end'];
    /** What it was spent on, without gap or overlap. */
    readonly timeline: readonly Stretch[];
    readonly parts: ReturnType<typeof partsOf>;
  }[];
  readonly steps: readonly {
    readonly id: string;
    readonly phase: string;
    readonly title: string;
    readonly status: string;
    readonly attempts: number;
    readonly startedAt: number | undefined;
    readonly tookMs: number | undefined;
    readonly evidence: string;
  }[];
  readonly comparisons: readonly Compared[];
  readonly decisions: readonly { readonly what: string; readonly decision: string; readonly by: readonly string[]; readonly at: number }[];
  readonly troubles: readonly { readonly step: string; readonly code: string; readonly reason: string; readonly at: number }[];
  readonly notes: readonly { readonly by: string; readonly text: string; readonly at: number }[];
}

function isEnd(status: RunState['status']): status is Exclude<Report['ended'], 'running'> {
  return status === 'finished' || status === 'aborted' || status === 'rolled-back' || status === 'retired';
}

/** A projection of the log like the board; may be asked for while the run goes on. */
export function reportOf({ state, facts, shape }: Pick<RunViewData, 'state' | 'facts' | 'shape'>): Report {
  return {
    run: runId(state),
    name: runName(state),
    ended: isEnd(state.status) ? state.status : 'running',
    startedAt: facts[0]?.at ?? 0,
    endedAt: state.endedAt,
    outages: state.writeStops.map(({ from, to, end, spans }) => {
      const timeline = timelineOf({ from, to, spans });
      return { from, to, end, timeline, parts: partsOf(timeline) };
    }),
    steps: state.steps.map((step) => ({
      id: step.id,
      phase: shape.find((one) => one.id === step.id)?.phase ?? '',
      title: titleOf(shape, step.id),
      status: step.status,
      attempts: step.attempts,
      startedAt: step.startedAt,
      tookMs: step.startedAt === undefined || step.endedAt === undefined ? undefined : step.endedAt - step.startedAt,
      evidence: step.evidence ?? '',
    })),
    comparisons: comparisonsOf(state, shape),
    decisions: facts.flatMap((fact) =>
      fact.type === 'gate.decided' ? [{ what: gateTitle(shape, fact.gate), decision: fact.decision, by: fact.by, at: fact.at }] : [],
    ),
    troubles: facts.flatMap((fact) =>
      fact.type === 'step.blocked' ? [{ step: titleOf(shape, fact.step), code: fact.code, reason: fact.reason, at: fact.at }] : [],
    ),
    notes: facts.flatMap(noteOf),
  };
}

function noteOf(fact: Fact): Report['notes'] {
  if (fact.type === 'note') return [{ by: fact.by, text: fact.text, at: fact.at }];
  if (fact.type === 'run.handed-over') return [{ by: fact.by, text: `handed the run over to ${fact.to}`, at: fact.at }];
  if (fact.type !== 'run.started' || fact.withoutBefore === undefined) return [];
  return [{ by: fact.by, text: `started before the environment that comes first had finished: ${fact.withoutBefore}`, at: fact.at }];
}

const titles = {
  'run.finished': { title: '🏁 Finished', words: 'finished' },
  'run.aborted': { title: '🛑 Aborted', words: 'aborted' },
  'run.rolled-back': { title: '↩ Rolled back', words: 'rolled back' },
  'run.retired': { title: '🏁 Retired', words: 'retired' },
} as const;

/** The last message of a run, and of a leg that followed: what came out, how long writes were off, who decided, what was proved, the way back. */
export function renderReport(ended: Extract<Fact, { readonly type: keyof typeof titles }>, view: RunViewData): Message {
  return drawReport({ ...titles[ended.type], at: ended.at }, section(wayBack(ended.type, view)), view);
}

/** The same while the run is under way. */
export function renderInterim(view: RunViewData): Message {
  return drawReport({ title: '🔄 Under way', words: 'under way', at: view.now }, section(`*Now*  ${writesSentence(view.state)}`), view);
}

function drawReport(
  head: { readonly title: string; readonly words: string; readonly at: number },
  last: Block,
  view: RunViewData,
): Message {
  const report = reportOf(view);
  const total = duration(head.at - report.startedAt);
  const off = report.outages.reduce((sum, stop) => sum + stop.to - stop.from, 0);
  const skipped = report.steps.filter((step) => step.status === 'skipped');
  const proofs = report.steps.filter((step) => view.face.proofs.includes(step.id) && step.evidence !== '' && step.status === 'done');
  const outage = report.outages.length ? `writes off ${duration(off)}` : 'writes were never stopped';
  const deciders = [...new Set(report.decisions.flatMap((decision) => (decision.decision === 'approved' ? decision.by : [])))];
  const override = view.state.header?.withoutBefore;
  return message(`${safe(report.name)}: ${head.words} after ${total}, ${outage}.`, [
    header(`${head.title} · ${report.name}`),
    fields(
      `*Writes off*\n${report.outages.length ? duration(off) : 'never'}`,
      `*Total*\n${total}`,
      `*Approved by*\n${people(deciders)}`,
      `*Steps*\n${plural(report.steps.filter((step) => step.status === 'done').length, 'step')} done, ${skipped.length} skipped, ${plural(report.troubles.length, 'stop')}`,
    ),
    section(...(report.outages.length ? report.outages.map((stop) => outageLine(stop)) : ['No write stop took place.'])),
    ...(override === undefined
      ? []
      : [section(`⚠ Started before the environment that comes first had finished: ${cut(safe(override), 400)}`)]),
    ...(proofs.length ? [section(...proofs.map((step) => `✅ *${safe(step.title)}* — ${cut(safe(step.evidence), 500)}`))] : []),
    ...(skipped.length
      ? [section(...skipped.map((step) => `⏭ *${safe(step.title)}* was skipped — ${cut(safe(step.evidence), 300)}`))]
      : []),
    last,
  ]);
}

function outageLine(stop: Report['outages'][number]): string {
  const what = {
    switched: 'until the services wrote to the new instance',
    'given-back': 'until the writes were given back',
    'rolled-back': 'until the services wrote to the old instance again',
  }[stop.end];
  return `⛔ ${time(stop.from, '{time_secs}')} → ${time(stop.to, '{time_secs}')} · *${duration(stop.to - stop.from)}* ${what}\n${partsText(stop.parts)}`;
}

/** `validation 1204 ms · Google 310 ms · …` */
export function partsText(parts: Report['outages'][number]['parts']): string {
  return parts.map(({ cause, ms }) => `${causeNames[cause]} ${ms} ms`).join(' · ');
}
const causeNames: Readonly<Record<Stretch['cause'], string>> = {
  bot: 'the bot’s own',
  google: 'Google',
  pods: 'pods',
  fence: 'closing and proof',
  drain: 'drain',
  sequences: 'sequences',
  validation: 'validation',
  ownership: 'ownership',
  'way-back': 'way back',
};

function wayBack(ended: keyof typeof titles, view: RunViewData): string {
  if (ended === 'run.rolled-back')
    return `↩ ${safe(view.face.source)} serves again, with what was written on ${safe(view.face.destination)}; a new attempt begins with an empty destination.`;
  if (ended === 'run.retired') return `${safe(view.face.destination)} serves; there is no way back to ${safe(view.face.source)} any more.`;
  if (ended === 'run.aborted')
    return `↩ ${safe(view.face.source)} serves as before; what was taken back or left in place is in the thread.`;
  const armed = view.state.steps.some((step) => step.id === 'arm-way-back' && step.status === 'done');
  const until = (view.state.endedAt ?? view.now) + view.face.wayBackDays * 86_400_000;
  return armed
    ? `↩ The way back to ${safe(view.face.source)} is armed until ${time(until, '{date_short_pretty} {time}')}.`
    : `There is no way back by replication; ${safe(view.face.source)} stays as it was at the switch.`;
}
