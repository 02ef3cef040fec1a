import type { types } from '@slack/bolt';
import type { RunHeader } from '../../engine/facts.ts';
import { proofToKeep, provingSteps } from '../../engine/proof.ts';
import { lagOf } from '../report/figures.ts';
import { actions, type Block, context, divider, fields, header, type Message, message, section } from './blocks.ts';
import { legalMoves } from './buttons.ts';
import { gateTitle, type RunViewData, runId, runName, titleOf } from './face.ts';
import { clock, isOver, type PhaseState, phasesOf, statusWords, stepsOver } from './status.ts';
import { bar, code, cut, duration, people, plural, safe, size, time, who } from './text.ts';

/** The one live message of a run: where it stands, what is next, and the buttons that are legal now. */
export function renderBoard(view: RunViewData): Message {
  const { state } = view;
  const over = stepsOver(state);
  const count = state.steps.length;
  const position = Math.min(count, over + (state.endedAt === undefined ? 1 : 0));
  const words = statusWords(view);
  const line = `*${words}*${state.endedAt === undefined ? ` · step ${position} of ${count}` : ''}`;
  const off = clock(view);
  const buttons: readonly types.Button[] = legalMoves(view);
  const blocks: readonly Block[] = [
    header(`🐘 ${runName(state)}`),
    section(line, ...(off ? [off] : []), `${bar(count ? over / count : 0)} · ${elapsed(view)}${left(view)}`),
    fields(...facts(view)),
    ...(state.header?.withoutBefore === undefined ? [] : [section(overrideLine(state.header))]),
    divider(),
    section(...phasesOf(view).map((phase) => phaseLine(phase, view))),
    ...currentBlock(view),
    ...proofBlock(view),
    ...wayBackBlock(view),
    ...actions(buttons),
    context(footer(view)),
  ];
  return message(
    `${runId(state)} ${safe(state.header?.environment ?? '')}: ${words.replaceAll('*', '')}, ${over} of ${plural(count, 'step')} done.`,
    blocks,
  );
}

function elapsed(view: RunViewData): string {
  const started = view.facts[0]?.at;
  if (started === undefined) return 'not started';
  const end = view.state.endedAt;
  return end === undefined ? `started ${time(started)}` : `took ${duration(end - started)}`;
}

/** From the rates of the step that runs and from the run that rehearsed this one. It moves with the steps, not with the clock. */
function left({ state, earlier, progress, now }: RunViewData): string {
  if (!earlier || state.endedAt !== undefined || state.abort || state.takingBack) return '';
  const live =
    progress?.step === state.current && progress?.etaMs !== undefined ? Math.max(0, progress.at + progress.etaMs - now) : undefined;
  const ms = state.steps
    .filter((step) => !isOver(step))
    .reduce(
      (sum, step) => sum + (step.id === state.current ? (live ?? earlier.workMs.get(step.id) ?? 0) : (earlier.workMs.get(step.id) ?? 0)),
      0,
    );
  return ` · about ${duration(ms)} of work left, as ${safe(earlier.run)} (${safe(earlier.environment)}) took`;
}

function facts({ state, face, shape, facts: log }: RunViewData): readonly string[] {
  const next = state.steps.find((step) => !isOver(step) && shape.find((one) => one.id === step.id)?.gated);
  const rule = next && face.gate(next.id);
  const started = log[0]?.at;
  const lag = state.promotionCalled ? undefined : lagOf(log).at(-1);
  return [
    `*Source*\n${code(face.source)}`,
    `*Destination*\n${code(face.destination)}`,
    `*Operator*\n${operatorOf(state)}${started === undefined ? '' : ` · started ${time(started, '{date_short_pretty} {time}')}`}`,
    `*Next gate*\n${next && rule && state.endedAt === undefined ? `🔒 ${safe(gateTitle(shape, next.id))} · ${plural(rule.count, 'approval')} from ${people(rule.people)}` : 'none'}`,
    ...(lag === undefined ? [] : [`*Lag of the destination*\n${size(lag.bytes)} · ${time(lag.at, '{time_secs}')}`]),
  ];
}

function overrideLine({ withoutBefore, by }: RunHeader): string {
  return `⚠ ${who(by)} started it before the environment that comes first has finished: ${cut(safe(withoutBefore ?? ''), 400)}`;
}

function operatorOf({ header, operator }: RunViewData['state']): string {
  const starter = header?.by ?? 'bot';
  return operator === undefined || operator === starter ? who(starter) : `${who(operator)}, from ${who(starter)}`;
}

function phaseLine(phase: PhaseState, view: RunViewData): string {
  const over = phase.steps.filter(isOver).length;
  const count = phase.steps.length;
  const name = `*${safe(phase.name)}*`;
  const skipped = phase.steps.filter((step) => step.status === 'skipped').length;
  const begun = phase.steps.some((step) => step.status !== 'pending');
  const here = phase.steps.some((step) => step.id === view.state.current || step.id === view.state.blocked?.step);
  const ended = Math.max(...phase.steps.map((step) => step.endedAt ?? 0));
  const began = Math.min(...phase.steps.map((step) => step.startedAt ?? Number.POSITIVE_INFINITY));
  const took = Number.isFinite(began) && ended > began ? ` · ${duration(ended - began)}` : '';
  if (over === count) return `✅ ${name} — ${over}/${count}${skipped ? `, ${skipped} skipped` : ''}${took}`;
  if (view.state.blocked && here) return `❌ ${name} — ${over}/${count} · stopped at ${safe(titleOf(view.shape, view.state.blocked.step))}`;
  if (phase.steps.some((step) => step.status === 'undone' || step.status === 'kept')) return `↩ ${name} — taken back`;
  if (here && view.state.endedAt === undefined) return `🔄 ${name} — ${over}/${count}${took}`;
  if (begun) return `🔄 ${name} — ${over}/${count}`;
  const gates = phase.shapes.filter((shape) => shape.gated).length;
  return `⚪ ${name} — ${plural(count, 'step')}${gates ? ` · 🔒 ${plural(gates, 'gate')}` : ''}`;
}

function currentBlock({ state, shape, progress, now }: RunViewData): readonly Block[] {
  if (!state.current || state.endedAt !== undefined) return [];
  const title = `*${safe(titleOf(shape, state.current))}*`;
  if (progress?.step !== state.current) return [section(`▸ ${title}`)];
  // The time left was true when it was said; a board drawn later must not promise it anew.
  const eta = progress.etaMs === undefined ? '' : ` · about ${duration(Math.max(0, progress.at + progress.etaMs - now))} left`;
  const part = progress.fraction === undefined ? '' : `${bar(progress.fraction, 12)} · `;
  return [section(`▸ ${title} — ${part}${cut(safe(progress.text), 500)}${eta}`)];
}

/** The proof between the live comparison and the switch: what is open, and what somebody should look at. */
function proofBlock({ state, proof: look }: RunViewData): readonly Block[] {
  const begun = proofToKeep(state, provingSteps);
  if (!begun || look?.since !== begun.since) return [];
  const problems = begun.kept?.problems ?? [];
  return [
    section(
      `🔎 *Proof* · ${safe(look.text || 'not looked at yet')}`,
      ...(look.problem === undefined ? [] : [`⚠ held up since ${time(look.at, '{time_secs}')}: ${cut(safe(look.problem), 300)}`]),
      ...(problems.length > 0 ? [`⚠ ${cut(safe(problems.join('; ')), 600)}`] : []),
    ),
  ];
}

/** The armed way back: how far behind the old instance is, what that keeps on the new one's disk, and what stands against going back. */
function wayBackBlock({ state, wayBack: look }: RunViewData): readonly Block[] {
  const { lost, warnings, gaps } = state.wayBack;
  if (lost !== undefined) return [section(`🚨 *No way back any more*: ${cut(safe(lost), 400)}`)];
  if (!look) return [];
  const against = [...gaps, ...warnings];
  return [
    section(
      `↩ *Way back* · ${safe(look.text)}`,
      ...(look.problem === undefined ? [] : [`⚠ not seen since ${time(look.at, '{time_secs}')}: ${cut(safe(look.problem), 300)}`]),
      ...(against.length > 0 ? [`⚠ ${plural(against.length, 'thing')} against going back: ${cut(safe(against.join('; ')), 600)}`] : []),
    ),
  ];
}

function footer({ state, facts: log, progress }: RunViewData): string {
  const last = Math.max(log.at(-1)?.at ?? 0, progress?.at ?? 0);
  return `rev ${state.version} · last news ${time(last, '{time_secs}')} · ${code(`/pgupgrade status ${runId(state)}`)} · the log is in this thread`;
}
