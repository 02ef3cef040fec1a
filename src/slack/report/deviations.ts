import type { Fact } from '../../engine/facts.ts';
import { wayBackIsArmed } from '../../engine/way-back.ts';
import { gateTitle, type RunViewData, titleOf } from '../render/face.ts';

/** What went otherwise than the runbook says, who decided it, and why. */
export interface Deviation {
  readonly at: number;
  readonly what: string;
  readonly by: string;
  readonly why: string;
}

export function deviationsOf({ facts, shape }: Pick<RunViewData, 'facts' | 'shape'>): readonly Deviation[] {
  return facts.flatMap((fact): readonly Deviation[] => {
    const told = deviation(fact, shape);
    return told ? [{ at: fact.at, by: 'bot', why: '', ...told }] : [];
  });
}

function deviation(fact: Fact, shape: RunViewData['shape']): (Partial<Deviation> & { readonly what: string }) | undefined {
  const step = 'step' in fact ? titleOf(shape, fact.step) : '';
  const gate = 'gate' in fact ? gateTitle(shape, fact.gate) : '';
  switch (fact.type) {
    case 'run.started':
      return fact.withoutBefore === undefined
        ? undefined
        : { what: 'Started before the environment that comes first had finished', by: fact.by, why: fact.withoutBefore };
    case 'run.handed-over':
      return { what: `Handed over to ${fact.to}`, by: fact.by };
    case 'step.blocked':
      return { what: `Stopped at ${step} (${fact.code})`, why: fact.reason };
    case 'step.skipped':
      return { what: `Skipped: ${step}`, by: fact.by, why: fact.reason };
    case 'retry.requested':
      return { what: `Retried: ${step}`, by: fact.by };
    case 'sessions.disconnected':
      return fact.ended.length > 0 ? { what: `Disconnected before ${step}`, by: fact.by, why: fact.ended.join('; ') } : undefined;
    case 'gate.asked':
      return fact.because === undefined ? undefined : { what: `Asked again: ${gate}`, why: fact.because };
    case 'gate.expired':
      return { what: `Expired: ${gate}` };
    case 'vote.withdrawn':
      return { what: `Approval withdrawn: ${gate}`, by: fact.by };
    case 'gate.decided':
      return fact.decision === 'rejected' ? { what: `Rejected: ${gate}`, by: fact.by.join(', '), why: fact.reason ?? '' } : undefined;
    case 'pause.requested':
      return { what: 'Paused', by: fact.by, why: fact.reason };
    case 'abort.requested':
      return { what: 'Aborted', by: fact.by, why: fact.reason };
    case 'copy.restart-requested':
      return { what: 'The copy was restarted', by: fact.by, why: fact.reason };
    case 'promotion.refused':
      return { what: 'Google refused the promotion', why: fact.reason };
    case 'give-back.begun':
      return { what: 'The writes were given back', why: fact.reason };
    default:
      return undefined;
  }
}

/** What is still there when the run is over, and what becomes of it. */
export function leftOverOf({ state, shape, face }: Pick<RunViewData, 'state' | 'shape' | 'face'>): readonly string[] {
  if (state.endedAt === undefined) return ['The run is not finished.'];
  const kept = state.steps.filter((step) => step.status === 'kept').map((step) => `${titleOf(shape, step.id)}: ${step.evidence ?? ''}`);
  if (state.status === 'rolled-back')
    return [
      `${face.source} serves again, with what was written on ${face.destination}; a new attempt begins with an empty destination.`,
      ...kept,
    ];
  if (state.status === 'retired') return [`${face.destination} serves; there is no way back to ${face.source} any more.`, ...kept];
  if (state.status === 'aborted') return [`${face.source} serves as before.`, ...kept];
  const skipped = state.steps.filter((step) => step.status === 'skipped').map((step) => `Skipped: ${titleOf(shape, step.id)}`);
  const armed = wayBackIsArmed(state, 'arm-way-back');
  const until = new Date(state.endedAt + face.wayBackDays * 86_400_000).toISOString().slice(0, 16).replace('T', ' ');
  return [
    armed
      ? `The way back: ${face.source} follows ${face.destination} until ${until} UTC; then its publication, subscription, users and flags are removed.`
      : `There is no way back by replication; ${face.source} stays as it was at the switch.`,
    `The instance ${face.source} stays, closed to writers, until it is deleted on purpose.`,
    ...kept,
    ...skipped,
  ];
}
