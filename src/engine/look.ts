import { Refused } from '../errors.ts';
import type { RunHeader } from './facts.ts';
import type { LookAnswer } from './ports.ts';
import type { RunState } from './state.ts';
import type { Observation, RunView, Step } from './step.ts';

export interface Look<C> {
  readonly steps: readonly Step<C>[];
  /** Clients that refuse every change. */
  readonly clients: C;
  readonly header: RunHeader;
  /** Of the run that is looked at, if there is one: what it has done is not looked at again. */
  readonly state: RunState | undefined;
  readonly signal: AbortSignal;
}

/** Looks at the world with every step's own eyes, in order, and changes nothing: no lease, no facts. */
export async function lookAtSteps<C>(look: Look<C>): Promise<LookAnswer> {
  const lines: LookAnswer['lines'][number][] = [];
  const ledger = new Map([...(look.state?.records ?? [])].map(([step, values]) => [step, new Map(values)] as const));
  let open = false;
  for (const step of look.steps) {
    const line: { readonly state: string; readonly text: readonly string[] } = await lookAtStep(look, step, ledger, open);
    open ||= line.state !== 'done' && line.state !== 'skipped';
    lines.push({ step: step.id, title: step.title, ...line });
  }
  return { lines };
}

async function lookAtStep<C>(look: Look<C>, step: Step<C>, ledger: Map<string, Map<string, unknown>>, afterOpen: boolean) {
  const known = look.state?.steps.find((one) => one.id === step.id);
  if (known?.status === 'done' || known?.status === 'skipped') return { state: known.status, text: [known.evidence ?? ''] };
  try {
    const seen = await step.check(look.clients, viewFor(look, step.id, ledger));
    return { state: seen.state, text: textOf(seen) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Behind a step that is still to do the world is not what this one needs, so it is no finding.
    return afterOpen ? { state: 'needs-earlier-steps', text: [message] } : { state: 'blocked', text: [message] };
  }
}

function textOf(seen: Observation): readonly string[] {
  switch (seen.state) {
    case 'done':
      return [seen.evidence];
    case 'todo':
      return [...seen.plan, ...seen.shown];
    case 'waiting':
      return [seen.progress];
    case 'task':
      return seen.what;
    case 'blocked':
      return [seen.reason, seen.remedy];
    default:
      return seen satisfies never;
  }
}

/** Records stay in the look's own memory. */
function viewFor<C>(look: Look<C>, step: string, ledger: Map<string, Map<string, unknown>>): RunView {
  const { run, uid, service, environment, from, to } = look.header;
  return {
    run,
    uid,
    service,
    environment,
    leg: look.state?.leg.name ?? 'upgrade',
    from,
    to,
    signal: look.signal,
    async record(key, value) {
      ledger.set(step, (ledger.get(step) ?? new Map<string, unknown>()).set(key, value));
    },
    recall<T>(key: string, of: string = step) {
      return ledger.get(of)?.get(key) as T | undefined;
    },
    answer: look.state?.answers.get(step)?.answer,
    progress() {},
    spend: (_cause, work) => work(),
    async claimPromotion() {
      return false;
    },
    async promotionRefused() {
      throw new Refused('look.read-only', 'A look changes nothing.');
    },
    deadlineAt: look.state?.deadlineAt,
  };
}
