import type { FactBody } from './facts.ts';
import type { OpenGate, RunState } from './state.ts';
import { clock } from './writes.ts';

/** What a click or a command leads to: facts to append and what to say, or a refusal for that person alone. */
export type Decision =
  | { readonly kind: 'facts'; readonly facts: readonly FactBody[]; readonly message: string }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

/** Who decides a gate. From the service file. */
export interface GateRule {
  readonly role: string;
  readonly count: number;
  readonly requesterMayApprove: boolean;
}
export interface Voter {
  readonly id: string;
  readonly roles: ReadonlySet<string>;
}
export interface VoteRequest {
  readonly state: RunState;
  readonly rule: GateRule;
  readonly voter: Voter;
  /** The gate of the message that was clicked, and the question's own number: buttons of an older question count for nothing. */
  readonly gate: string;
  readonly nonce: string;
  readonly vote: 'approve' | 'reject';
  readonly reason?: string;
  /** ms since the epoch. */
  readonly now: number;
}

export function refused(code: string, message: string): Decision {
  return { kind: 'refused', code, message };
}

/** One person's vote on a gate. Distinct people of the rule's role decide it; one rejection, with its reason, is enough. */
export function castVote(request: VoteRequest): Decision {
  const { state, rule, voter, vote, now } = request;
  const gate = openGate(request);
  if ('kind' in gate) return gate;
  if (gate.expired || now >= gate.expiresAt)
    return refused('gate.expired', `Nobody decided ${gate.gate} until ${clock(gate.expiresAt)}; press “Ask again” for a new question.`);
  if (!voter.roles.has(rule.role))
    return refused('gate.not-the-role', `Only people with the role ${rule.role} decide ${gate.gate}; you are not one of them.`);
  if (vote === 'approve' && !rule.requesterMayApprove && requestersOf(state).includes(voter.id))
    return refused(
      'gate.requester',
      `You ${state.operator === voter.id && state.header?.by !== voter.id ? 'carry' : 'asked for'} this run, so somebody else with the role ${rule.role} has to approve ${gate.gate}.`,
    );
  const cast: FactBody = {
    type: 'vote.cast',
    gate: gate.gate,
    nonce: gate.nonce,
    by: voter.id,
    vote,
    ...(request.reason ? { reason: request.reason } : {}),
  };
  if (vote === 'reject') return reject(gate, cast, voter.id, request.reason?.trim() ?? '');
  const others = gate.votes.filter((one) => one.vote === 'approve').map((one) => one.by);
  if (others.includes(voter.id))
    return refused(
      'gate.already-voted',
      `You have already approved ${gate.gate}; it waits for ${missing(rule.count - others.length)}. You may take it back until then.`,
    );
  const by = [...others, voter.id];
  if (by.length < rule.count)
    return { kind: 'facts', facts: [cast], message: `${voter.id} approved ${gate.gate}; it waits for ${missing(rule.count - by.length)}.` };
  return {
    kind: 'facts',
    facts: [cast, { type: 'gate.decided', gate: gate.gate, nonce: gate.nonce, decision: 'approved', by, planHash: gate.planHash }],
    message: `${gate.gate} is approved by ${by.join(', ')}.`,
  };
}

/** Who wants this run: whoever started it, or its rollback, and whoever carries it now. Handing it over makes nobody independent. */
export function requestersOf(state: RunState): readonly string[] {
  const { header, operator, leg } = state;
  return [...new Set([header?.by, leg.by, operator])].filter((id): id is string => id !== undefined && id !== '');
}

/** Has the step look again before anybody decides. The same plan: its votes stand; another one: a new question, and they are void. */
export function recheck(request: Pick<VoteRequest, 'state' | 'voter' | 'gate' | 'nonce'>): Decision {
  const gate = openGate(request);
  if ('kind' in gate) return gate;
  if (gate.expired) return refused('gate.expired', `${gate.gate} expired; press “Ask again” for a new question.`);
  if (gate.gate !== gate.step || request.state.status !== 'waiting-gate')
    return refused('gate.not-looked-at', `There is nothing to look at again for ${gate.gate} now; approve it, or reject it with a reason.`);
  return {
    kind: 'facts',
    facts: [{ type: 'gate.rechecked', gate: gate.gate, nonce: gate.nonce, by: request.voter.id }],
    message: `${gate.step} looks again; its card shows what it sees. If the plan differs, it is asked anew and the votes are void.`,
  };
}

/** Takes an approval back, as long as the gate is not decided. */
export function withdrawVote(request: Pick<VoteRequest, 'state' | 'voter' | 'gate' | 'nonce'>): Decision {
  const gate = openGate(request);
  if ('kind' in gate) return gate;
  if (!gate.votes.some((vote) => vote.by === request.voter.id))
    return refused('gate.no-vote', `You have not voted on ${gate.gate}, so there is nothing to take back; approve or reject it.`);
  return {
    kind: 'facts',
    facts: [{ type: 'vote.withdrawn', gate: gate.gate, nonce: gate.nonce, by: request.voter.id }],
    message: `${request.voter.id} took the approval of ${gate.gate} back.`,
  };
}

function reject(gate: OpenGate, cast: FactBody, by: string, reason: string): Decision {
  if (reason === '') return refused('gate.reason-missing', `Say why ${gate.gate} is rejected: the others have to know.`);
  return {
    kind: 'facts',
    facts: [
      cast,
      { type: 'gate.decided', gate: gate.gate, nonce: gate.nonce, decision: 'rejected', by: [by], planHash: gate.planHash, reason },
    ],
    message: `${by} rejected ${gate.gate}: ${reason}`,
  };
}

/** The open gate that the click is about, or why the click is too late. */
function openGate(request: Pick<VoteRequest, 'state' | 'gate' | 'nonce'>): OpenGate | Extract<Decision, { readonly kind: 'refused' }> {
  const { state, gate, nonce } = request;
  if (state.gate?.gate === gate && state.gate.nonce === nonce) return state.gate;
  const late = (message: string) => ({ kind: 'refused' as const, code: 'gate.decided', message });
  if (state.gate?.gate === gate)
    return { kind: 'refused', code: 'gate.stale', message: `${gate} was asked again since; answer the newer question.` };
  if (state.rechecked?.nonce === nonce)
    return {
      kind: 'refused',
      code: 'gate.rechecked',
      message: `${gate} is being looked at again; vote when its card shows what is seen now.`,
    };
  const approved = state.approved.get(gate);
  if (approved)
    return late(
      `${gate} is already approved by ${approved.by.join(', ')}, so nothing was changed; see \`/pgupgrade status\` for what happens now.`,
    );
  if (state.rejected.has(gate) || (state.blocked?.code === 'gate.rejected' && state.blocked.step === gate))
    return late(`${gate} is already rejected, so nothing was changed; to have it asked again, an operator types \`/pgupgrade retry\`.`);
  return {
    kind: 'refused',
    code: 'gate.not-open',
    message: `${gate} is not asked about now, so nothing was changed; see \`/pgupgrade status\` for what is.`,
  };
}

function missing(count: number): string {
  return count === 1 ? '1 more approval' : `${count} more approvals`;
}
