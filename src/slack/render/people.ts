import type { Fact } from '../../engine/facts.ts';
import type { OpenGate } from '../../engine/state.ts';
import type { Leg } from '../../engine/step.ts';
import { actions, button, context, type Message, message, section } from './blocks.ts';
import { failureButtons, mayAbort } from './buttons.ts';
import { gateTitle, type RunViewData, runId, titleOf } from './face.ts';
import { clock } from './status.ts';
import { cut, duration, people, plural, safe, time, who } from './text.ts';

/** What people did gets a line of its own in the thread; undefined for facts that need none. */
export function renderDeed(fact: Fact, index: number, view: RunViewData): Message | undefined {
  const line = deed(fact, index, view);
  return line === undefined ? undefined : message(`${runId(view.state)}: ${line}`, [section(...line.split('\n'))]);
}

function deed(fact: Fact, index: number, { shape, face, facts }: RunViewData): string | undefined {
  switch (fact.type) {
    case 'vote.cast': {
      const title = safe(gateTitle(shape, fact.gate));
      if (fact.vote === 'reject') return `⛔ ${who(fact.by)} rejected *${title}*${fact.reason ? ` · ${reason(fact.reason)}` : ''}`;
      const { count } = face.gate(fact.gate);
      // The card's own stamp says it; a line for each would crowd out what people wait for.
      if (count === 1) return undefined;
      const before = facts
        .slice(0, index + 1)
        .filter((one) => one.type === 'vote.cast' && one.nonce === fact.nonce && one.vote === 'approve').length;
      return `✓ ${who(fact.by)} approved *${title}* (${Math.min(before, count)} of ${count})`;
    }
    case 'vote.withdrawn':
      return `↩ ${who(fact.by)} took back the vote on *${safe(gateTitle(shape, fact.gate))}*`;
    case 'pause.requested':
      return `⏸ ${who(fact.by)} asked for a pause${fact.reason ? ` · ${reason(fact.reason)}` : ''}`;
    case 'run.due':
      return '🕙 It is time: the run starts.';
    case 'run.handed-over':
      return `🤝 ${who(fact.by)} handed the run over to ${who(fact.to)}`;
    case 'run.resumed':
      return `▶ ${who(fact.by)} resumed the run`;
    case 'retry.requested':
      return fact.disconnect
        ? listed(
            `🔌 ${who(fact.by)} asked to disconnect, and then to try *${safe(titleOf(shape, fact.step))}* again:`,
            fact.disconnect.map((session) => session.who),
          )
        : `🔁 ${who(fact.by)} asked to try *${safe(titleOf(shape, fact.step))}* again`;
    case 'sessions.disconnected':
      return [
        ...(fact.ended.length > 0 ? [listed(`🔌 *Disconnected* for ${who(fact.by)}:`, fact.ended)] : []),
        ...(fact.left.length > 0 ? [listed('🔌 Left alone:', fact.left)] : []),
      ].join('\n');
    case 'step.skipped':
      return `⏭ ${who(fact.by)} skipped *${safe(titleOf(shape, fact.step))}* · ${reason(fact.reason)}`;
    case 'abort.requested':
      return `🛑 ${who(fact.by)} asked to abort · ${reason(fact.reason)}`;
    case 'copy.restart-requested':
      return `♻ ${who(fact.by)} asked to restart the copy · ${reason(fact.reason)}`;
    case 'copy.taken-back':
      return '♻ What the copy brought is taken back; it begins anew. Every approval since it began is void.';
    case 'note':
      if (fact.marks === 'paused') return undefined;
      if (fact.marks === 'warning') return `⚠ ${cut(safe(fact.text), 1_500)}`;
      return `📝 ${who(fact.by)}: ${cut(safe(fact.text), 1_500)}`;
    case 'promotion.called':
      return legAt(facts, index) === 'rollback'
        ? '🚩 The old instance is opened: from here on nothing is given back automatically.'
        : '🚩 The promotion is called: from here on nothing is given back automatically.';
    case 'leg.begun':
      return fact.leg === 'rollback'
        ? `↩ ${who(fact.by)} asked for the way back to *${safe(face.source)}* · ${reason(fact.reason)}`
        : `🗑 ${who(fact.by)} asked to retire *${safe(face.source)}*${fact.reason ? ` · ${reason(fact.reason)}` : ''}`;
    case 'leg.abandoned':
      return fact.leg === 'rollback'
        ? '↩ The way back was not taken: the run is what it was before'
        : '↩ The old instance is not retired: the way back stays';
    case 'way-back.tended':
      return tended(fact);
    case 'proof.kept':
      return proofNews(fact, facts.slice(0, index));
    case 'promotion.refused':
      return `↩ Google refused the promotion, and it is still replicating · ${reason(fact.reason)}`;
    default:
      return undefined;
  }
}

/** The leg that the run is on at that fact. */
function legAt(facts: readonly Fact[], index: number): Leg {
  const last = facts.slice(0, index + 1).findLast((fact) => fact.type === 'leg.begun' || fact.type === 'leg.abandoned');
  return last?.type === 'leg.begun' ? last.leg : 'upgrade';
}

function tended({ did, warnings, gaps, lost, over }: Extract<Fact, { readonly type: 'way-back.tended' }>): string {
  if (lost !== undefined)
    return `🚨 *There is no way back any more*: ${safe(lost)}. Nothing written from here on reaches the old instance.`;
  const against = [...gaps, ...warnings];
  return [
    ...(over === undefined ? [] : [`⏰ Way back: ${reason(over)}`]),
    ...did.map((one) => `↩ Way back: ${reason(one)}`),
    ...(against.length > 0 ? [`⚠ *Against going back to the old instance:*`, ...against.map((one) => `• ${reason(one)}`)] : []),
    ...(against.length === 0 && did.length === 0 && over === undefined ? ['✅ Nothing stands against the way back any more.'] : []),
  ].join('\n');
}

/** Only what is new to people: that tables were proved anew is the board's. */
function proofNews({ kept }: Extract<Fact, { readonly type: 'proof.kept' }>, earlier: readonly Fact[]): string | undefined {
  if (kept.lost !== undefined)
    return `⚠ *The rows are not kept proved any more*: ${reason(kept.lost)}. With the writes off every row will be compared; the go/no-go says how long that takes.`;
  const before = earlier.findLast((fact) => fact.type === 'proof.kept' && fact.kept.since === kept.since);
  const known = before?.type === 'proof.kept' ? before.kept.problems : [];
  const news = kept.problems.filter((problem) => !known.includes(problem));
  if (news.length > 0) return ['⚠ *The proof:*', ...news.map((one) => `• ${reason(one)}`)].join('\n');
  return kept.problems.length === 0 && known.length > 0 ? '✅ Nothing stands against the proof any more.' : undefined;
}

function listed(title: string, lines: readonly string[]): string {
  return [title, ...lines.map((line) => `• ${reason(line)}`)].join('\n');
}

function reason(text: string): string {
  return cut(safe(text), 400);
}

/** The write stop ended without a promotion: why, for how long writes were off, and what counts next time. */
export function renderGiveBack(
  fact: Extract<Fact, { readonly type: 'give-back.begun' | 'writes.given-back' }>,
  view: RunViewData,
): Message {
  const run = runId(view.state);
  const why = view.facts.findLast((one) => one.type === 'give-back.begun' && one.at <= fact.at);
  const rollback = legAt(view.facts, view.facts.indexOf(fact)) === 'rollback';
  const where = safe(rollback ? view.face.destination : view.face.source);
  if (fact.type === 'give-back.begun') {
    const off = clock(view);
    return message(`${run}: the writes are being given back: ${reason(fact.reason)}`, [
      section(`↩ *The writes are being given back to ${where}*`, reason(fact.reason), ...(off ? [off] : [])),
    ]);
  }
  const { state, shape } = view;
  const open = state.blocked?.code === 'writes.given-back' && state.blocked.at === fact.at;
  const stop = mayAbort(state, shape) ? [button({ id: 'run:abort', label: '🛑 Abort…', value: run, style: 'danger' })] : [];
  return message(`${run}: writes are on again on ${where}, after ${duration(fact.offForMs)} off.`, [
    section(
      `✅ *Writes are on again on ${where}* · they were off for ${duration(fact.offForMs)}`,
      ...(why?.type === 'give-back.begun' ? [reason(why.reason)] : []),
      `${rollback ? 'The old instance was not opened.' : 'Nothing was promoted.'} The approval of the switch is void: it is asked again before the next try.`,
    ),
    ...(open
      ? [
          context(`For ${people(view.face.operators)} · Retry starts it again, with a new question`),
          ...actions([...failureButtons(state, shape), ...stop]),
        ]
      : []),
  ]);
}

/**
 * A new reply, because an edit notifies nobody (measured by others: a mention added by an edit reaches no one).
 * `escalated`: the people who decide were reminded before, so others are named as well.
 */
export function renderReminder(gate: OpenGate, view: RunViewData, escalated: boolean): Message {
  const rule = view.face.gate(gate.gate);
  const open = Math.max(1, rule.count - gate.votes.filter((vote) => vote.vote === 'approve').length);
  const named = [...new Set([...rule.people, ...(escalated ? view.face.escalation : [])])];
  const line = `🔔 ${people(named)}: *${safe(gateTitle(view.shape, gate.gate))}* of ${runId(view.state)} still waits for ${plural(open, 'approval')}, until ${time(gate.expiresAt)}.`;
  return message(line, [section(line)]);
}
