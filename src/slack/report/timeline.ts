import type { Fact } from '../../engine/facts.ts';
import { gateTitle, type RunViewData, titleOf } from '../render/face.ts';
import { duration, plural } from '../render/text.ts';

/** One line of what happened: when, who, what, why, and what was run or seen, word for word. */
export interface Happening {
  readonly at: number;
  /** A Slack id, `terminal:<login>` or `bot`. */
  readonly by: string;
  readonly what: string;
  readonly why?: string;
  readonly detail?: readonly string[];
}

/** What happened, as a reader of the report follows it; facts that only the bot needs are left out. */
export function timelineOf(view: Pick<RunViewData, 'facts' | 'shape' | 'face'>): readonly Happening[] {
  const started = new Map<string, number>();
  return view.facts.flatMap((fact): readonly Happening[] => {
    const told = tell(fact, view, started);
    if (fact.type === 'step.started') started.set(fact.step, fact.at);
    return told ? [{ at: fact.at, by: 'by' in fact && typeof fact.by === 'string' ? fact.by : 'bot', ...told }] : [];
  });
}

type Told = Omit<Happening, 'at' | 'by'> & { readonly by?: string };

function tell(fact: Fact, { shape, face }: Pick<RunViewData, 'shape' | 'face'>, started: ReadonlyMap<string, number>): Told | undefined {
  const step = 'step' in fact ? titleOf(shape, fact.step) : '';
  const gate = 'gate' in fact ? gateTitle(shape, fact.gate) : '';
  switch (fact.type) {
    case 'run.started':
      return {
        what: `Started: PostgreSQL ${fact.from} → ${fact.to}, ${face.source} → ${face.destination}`,
        ...(fact.withoutBefore === undefined ? {} : { why: `before the environment that comes first had finished: ${fact.withoutBefore}` }),
      };
    case 'run.handed-over':
      return { what: `Handed over to ${fact.to}` };
    case 'step.started':
      return fact.plan?.length ? { what: `${step}: is carried out`, detail: fact.plan } : undefined;
    case 'step.done': {
      const from = started.get(fact.step);
      return { what: `${step}: done${from === undefined ? '' : ` in ${duration(fact.at - from)}`}`, why: fact.evidence };
    }
    case 'step.skipped':
      return { what: `${step}: skipped`, why: fact.reason };
    case 'step.undone':
      return { what: `${step}: ${fact.how === 'undone' ? 'taken back' : 'left in place'}`, why: fact.why };
    case 'step.blocked':
      return { what: `${step}: stopped (${fact.code})`, why: `${fact.reason} ${fact.remedy}` };
    case 'gate.asked':
      return { what: `${gate}: asked for approval`, why: fact.because ?? fact.question, detail: [...fact.shown, ...fact.plan] };
    case 'gate.expired':
      return { what: `${gate}: the question expired` };
    case 'vote.cast':
      return { what: `${gate}: ${fact.vote === 'approve' ? 'approved' : 'rejected'}`, ...(fact.reason ? { why: fact.reason } : {}) };
    case 'vote.withdrawn':
      return { what: `${gate}: approval withdrawn` };
    case 'gate.decided':
      return { by: fact.by.join(', '), what: `${gate}: ${fact.decision}`, ...(fact.reason ? { why: fact.reason } : {}) };
    case 'task.asked':
      return { what: `${step}: a person was asked`, why: `verified by ${fact.verifiedBy}`, detail: fact.what };
    case 'task.done':
      return { what: `${step}: done by hand`, ...(fact.answer ? { why: fact.answer } : {}) };
    case 'retry.requested':
      return fact.disconnect
        ? { what: `${step}: disconnecting asked for, and retried`, why: fact.disconnect.map((session) => session.who).join('; ') }
        : { what: `${step}: retried` };
    case 'sessions.disconnected':
      return {
        what: `${step}: ${plural(fact.ended.length, 'session')} disconnected`,
        why: [...fact.ended, ...fact.left.map((one) => `left alone: ${one}`)].join('; '),
      };
    case 'deadline.set':
      return { what: `Writes off; the promotion must be called within ${duration(fact.dueAt - fact.at)}` };
    case 'promotion.called':
      return { what: 'The promotion was called: from here on nothing is given back automatically' };
    case 'promotion.refused':
      return { what: 'Google refused the promotion', why: fact.reason };
    case 'give-back.begun':
      return { what: 'The writes are given back', why: fact.reason };
    case 'writes.given-back':
      return { what: `Writes on again on ${face.source}, after ${duration(fact.offForMs)}` };
    case 'note':
      return fact.marks === 'paused' ? undefined : { what: fact.marks === 'warning' ? 'Warning' : 'Note', why: fact.text };
    case 'pause.requested':
      return { what: 'Pause asked for', ...(fact.reason ? { why: fact.reason } : {}) };
    case 'run.resumed':
      return { what: 'Went on' };
    case 'abort.requested':
      return { what: 'Abort asked for', why: fact.reason };
    case 'copy.restart-requested':
      return { what: 'Restart of the copy asked for', why: fact.reason };
    case 'copy.taken-back':
      return { what: 'The copy begins anew; every approval since it began is void' };
    case 'undo.begun':
      return { what: 'The steps are taken back, latest first', why: fact.reason };
    case 'leg.begun':
      return {
        what: fact.leg === 'rollback' ? `The way back to ${face.source} was asked for` : `${face.source} is to be retired`,
        why: fact.reason,
      };
    case 'leg.abandoned':
      return { what: fact.leg === 'rollback' ? 'The way back was not taken' : 'The old instance is not retired' };
    case 'run.rolled-back':
      return { what: 'Rolled back' };
    case 'run.retired':
      return { what: 'Retired' };
    case 'run.finished':
      return { what: 'Finished' };
    case 'run.aborted':
      return { what: 'Aborted' };
    default:
      return undefined;
  }
}
