import { requestersOf } from '../../engine/approvals.ts';
import type { Fact } from '../../engine/facts.ts';
import { forecastOf } from '../report/figures.ts';
import { actions, type Block, button, codeSection, context, type Message, message, section } from './blocks.ts';
import { type GateFace, gateTitle, type RunViewData, runId } from './face.ts';
import { clock } from './status.ts';
import { codeBlock, cut, mentions, people, plural, safe, time, who } from './text.ts';

export type GateAsked = Extract<Fact, { readonly type: 'gate.asked' }>;
interface Votes {
  readonly approvals: readonly string[];
  readonly lines: readonly string[];
}

/** Characters of the plan that the card shows; the whole plan is then a file in the thread. */
const planOnCard = 2_600;

/** Does the card leave out a part of the plan? Then people get it as a file before they decide. */
export function planNeedsFile(asked: GateAsked): boolean {
  return codeBlock(asked.plan, planOnCard).left > 0;
}

/** The question, what exactly would be done, who decides, the votes; afterwards a stamp without buttons. */
export function renderGate(asked: GateAsked, view: RunViewData): Message {
  const later = view.facts.filter((fact) => 'nonce' in fact && fact.nonce === asked.nonce && fact.type !== 'gate.asked');
  const rule = view.face.gate(asked.gate);
  const title = gateTitle(view.shape, asked.gate);
  const where = `${runId(view.state)} ${view.state.header?.environment ?? ''}`.trim();
  const votes = votesOf(later);
  const end = ending(asked, later, view);
  const head = `🔒 *${safe(asked.question)}*  ·  ${safe(where)}`;
  // Looked at again and found the same, it was asked again under its own number: the newest figures count.
  const { shown } = view.facts.findLast((fact): fact is GateAsked => fact.type === 'gate.asked' && fact.nonce === asked.nonce) ?? asked;
  const blocks: readonly Block[] = [
    section(head, ...(asked.because ? [`_Asked again: ${mentions(asked.because)}_`] : [])),
    ...(shown.length ? [section(...shown.map((line) => `• ${safe(line)}`), ...forecast(asked, view))] : []),
    ...(asked.plan.length ? [section('*What will be done*'), codeSection(asked.plan, planOnCard)] : []),
    ...(planNeedsFile(asked) ? [context('The whole plan is in the file below.')] : []),
    ...(end
      ? [section(end), ...actions(end.startsWith('⌛') ? [againButton(asked, view)] : [])]
      : [section(...openLines(asked, rule, votes, view)), ...actions(voteButtons(asked, rule, votes, view, title))]),
  ];
  const plainEnd = end?.split('\n')[0];
  return message(
    plainEnd
      ? `${safe(where)}, ${safe(title)}: ${plainEnd}`
      : `${safe(where)}: ${safe(asked.question)} ${plural(rule.count, 'approval')} from ${people(rule.people)} wanted.`,
    blocks,
  );
}

/** Beside today's figures, what the switch cost where it was rehearsed. */
function forecast({ gate }: GateAsked, { earlier }: RunViewData): readonly string[] {
  const text = gate === 'approve-cutover' ? forecastOf(earlier) : undefined;
  return text === undefined ? [] : [`• ${safe(text)}`];
}

function votesOf(later: readonly Fact[]): Votes {
  const latest = new Map<string, Extract<Fact, { readonly type: 'vote.cast' }>>();
  for (const fact of later) {
    if (fact.type === 'vote.cast') latest.set(fact.by, fact);
    if (fact.type === 'vote.withdrawn') latest.delete(fact.by);
  }
  const votes = [...latest.values()];
  return {
    approvals: votes.filter((vote) => vote.vote === 'approve').map((vote) => vote.by),
    lines: votes.map(
      (vote) => `${vote.vote === 'approve' ? '✓' : '✗'} ${who(vote.by)} ${time(vote.at)}${vote.reason ? ` · ${safe(vote.reason)}` : ''}`,
    ),
  };
}

/** How the question ended; undefined while it is open. */
function ending(asked: GateAsked, later: readonly Fact[], view: RunViewData): string | undefined {
  const decided = later.find((fact) => fact.type === 'gate.decided');
  if (decided?.type === 'gate.decided') {
    const by = `${people(decided.by)} ${time(decided.at, '{time_secs}')}`;
    return decided.decision === 'approved'
      ? `✅ Approved by ${by}${requested(decided.by, view)}`
      : `⛔ Rejected by ${by}${decided.reason ? ` · ${safe(cut(decided.reason, 400))}` : ''}`;
  }
  if (view.state.rechecked?.nonce === asked.nonce) return '🔄 Being looked at again; vote when it shows what is seen now.';
  if (view.state.gate?.nonce !== asked.nonce) return '☑ This question is no longer open; see the newer messages.';
  const expired = later.find((fact) => fact.type === 'gate.expired');
  return expired ? `⌛ Expired ${time(expired.at)} without a decision. Nothing was done.` : undefined;
}

/** A small team may let the requester approve: the stamp says so. */
function requested(by: readonly string[], { state }: RunViewData): string {
  const own = by.filter((id) => requestersOf(state).includes(id));
  return own.length > 0 ? ` · ${people(own)} asked for the run as well, which the service file allows here` : '';
}

function openLines(asked: GateAsked, rule: GateFace, votes: Votes, view: RunViewData): readonly string[] {
  const requesters = requestersOf(view.state);
  const looked = view.facts.findLast((fact) => fact.type === 'gate.rechecked' && fact.nonce === asked.nonce);
  const missing = Math.max(0, rule.count - votes.approvals.length);
  const off = clock(view);
  return [
    `Needs ${plural(rule.count, 'approval')} from ${people(rule.people)} · open until ${time(asked.expiresAt)}`,
    ...(rule.requesterMayApprove
      ? []
      : [`${people(requesters)} ${requesters.length > 1 ? 'carry' : 'asked for'} this run and cannot approve it.`]),
    ...(looked?.type === 'gate.rechecked'
      ? [`🔄 Looked at again ${time(looked.at, '{time_secs}')} for ${who(looked.by)}: the plan is the same.`]
      : []),
    ...(off ? [off] : []),
    ...votes.lines,
    ...(votes.approvals.length && missing ? [`○ ${missing} more`] : []),
  ];
}

function voteButtons(asked: GateAsked, rule: GateFace, votes: Votes, view: RunViewData, title: string) {
  const value = `${runId(view.state)}:${asked.gate}:${asked.nonce}`;
  const place = Math.min(rule.count, votes.approvals.length + 1);
  const effect = place >= rule.count ? 'It is carried out at once.' : `${plural(rule.count - place, 'more approval')} will be needed.`;
  return [
    button({
      id: 'gate:approve',
      label: '✅ Approve',
      value,
      style: 'primary',
      confirm: {
        title: `Approve: ${title}`,
        text: `${safe(cut(asked.question, 150))}\nYou are approval ${place} of ${rule.count}. ${effect}`,
        yes: 'Approve',
      },
    }),
    button({ id: 'gate:reject', label: '⛔ Reject…', value, style: 'danger' }),
    ...(asked.gate === asked.step ? [button({ id: 'gate:recheck', label: '🔄 Re-check now', value })] : []),
    ...(votes.approvals.length ? [button({ id: 'gate:withdraw', label: '↩ Take my approval back', value })] : []),
  ];
}

function againButton(asked: GateAsked, view: RunViewData) {
  return button({ id: 'gate:again', label: '🔁 Ask again', value: `${runId(view.state)}:${asked.gate}:${asked.nonce}`, style: 'primary' });
}
