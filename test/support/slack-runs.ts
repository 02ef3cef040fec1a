import type { Fact, FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import type { RunbookShape, StepShape } from '../../src/engine/state.ts';
import type { RunFace, RunViewData } from '../../src/slack/render/face.ts';

const step = (id: string, title: string, phase: string, more: Partial<StepShape> = {}): StepShape => ({
  id,
  leg: 'upgrade',
  title,
  phase,
  impact: 'none',
  gated: false,
  skippable: false,
  irreversible: false,
  undo: 'function',
  ...more,
});

/** A runbook in small, with a gate, a task, a write stop and a point of no return. */
export const smallShape: RunbookShape = [
  step('preflight', 'Preflight', 'Preflight', { undo: 'keep' }),
  step('enable-replication-flags', 'Enable replication flags', 'Prepare the source', { gated: true, impact: 'restart' }),
  step('hold-schema-changes', 'Hold schema changes', 'Prepare the destination', { skippable: true, copy: 'begins' }),
  step('approve-cutover', 'Approve the switch', 'Switch', { gated: true, impact: 'writes-stop', writeStop: 'gate', undo: 'keep' }),
  step('fence-source', 'Fence the source', 'Switch', { writeStop: 'within' }),
  step('validate', 'Validate', 'Switch', { writeStop: 'within', undo: 'keep' }),
  step('promote-destination', 'Promote', 'Switch', { writeStop: 'promotion', irreversible: true, undo: 'irreversible' }),
  step('start-services', 'Start the services', 'Switch', { writeStop: 'after-promotion' }),
  step('remove-migration', 'Remove the migration', 'Clean up', { gated: true, irreversible: true, undo: 'irreversible' }),
];

export const smallFace: RunFace = {
  source: 'me-inapp-staging-pg15',
  destination: 'me-inapp-staging-pg17',
  deadlineMs: 120_000,
  wayBackDays: 7,
  operators: ['S0OPERATORS'],
  escalation: ['U0ADMIN'],
  proofs: ['validate'],
  gate: (gate) => ({
    role: 'approver',
    people: ['S0DBAS'],
    count: gate === 'approve-cutover' ? 2 : 1,
    requesterMayApprove: gate !== 'approve-cutover',
  }),
};

export const begun: FactBody = {
  type: 'run.started',
  run: 'PG-1',
  uid: 'a1b2c3d4',
  service: 'inapp',
  environment: 'staging',
  from: 15,
  to: 17,
  by: 'U0OPERATOR',
  channel: 'C0MIGRATION',
  steps: smallShape.map((one) => one.id),
  format: 1,
};
export const firstAt = Date.UTC(2026, 10, 22, 10, 0, 0);

export function doneFacts(...ids: readonly string[]): readonly FactBody[] {
  return ids.flatMap((id, token): readonly FactBody[] => [
    { type: 'step.started', step: id, attempt: 1, token },
    { type: 'step.done', step: id, evidence: `${id} is as it should be`, changed: true },
  ]);
}
export function gateFact(gate: string, plan: readonly string[], more: Partial<Extract<FactBody, { type: 'gate.asked' }>> = {}): FactBody {
  return {
    type: 'gate.asked',
    gate,
    step: gate.replace(/^undo:/, ''),
    nonce: `n-${gate}`,
    planHash: 'hash',
    plan,
    shown: ['lag 0 B'],
    question: 'Restart the source now?',
    expiresAt: firstAt + 30 * 60_000,
    ...more,
  };
}

/** A log as it would read, a second between two facts, and what a renderer is given of it. */
export function viewOf(bodies: readonly FactBody[], more: Partial<RunViewData> = {}): RunViewData {
  const facts: readonly Fact[] = [begun, ...bodies].map((body, index) => ({ ...body, at: firstAt + index * 1_000 }));
  const shape = more.shape ?? smallShape;
  return { state: fold(facts, shape), facts, shape, face: smallFace, progress: undefined, now: firstAt + facts.length * 1_000, ...more };
}
