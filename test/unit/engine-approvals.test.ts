import { describe, expect, test } from 'vitest';
import { castVote, type Decision, type GateRule, type VoteRequest, withdrawVote } from '../../src/engine/approvals.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { logOf, runStarted } from '../support/engine-log.ts';
import { fileRunbook } from '../support/file-runbook.ts';

const shape = shapeOf(fileRunbook([{ id: 'cut', gate: true }]));
const two: GateRule = { role: 'approver', count: 2, requesterMayApprove: false };
const person = (id: string, ...roles: readonly string[]) => ({ id, roles: new Set(roles) });
const ann = person('ann', 'approver');
const bob = person('bob', 'approver');
const expiresAt = Date.UTC(2026, 0, 1, 12, 0, 0);

function asked(...bodies: readonly FactBody[]) {
  const facts: readonly FactBody[] = [
    runStarted(['cut']),
    { type: 'gate.asked', gate: 'cut', step: 'cut', nonce: 'n1', planHash: 'h', plan: ['p'], shown: [], question: 'q', expiresAt },
    ...bodies,
  ];
  return fold(logOf(...facts), shape);
}
const vote = (request: Partial<VoteRequest> = {}): Decision =>
  castVote({ state: asked(), rule: two, voter: ann, gate: 'cut', nonce: 'n1', vote: 'approve', now: expiresAt - 1, ...request });
const cast = (by: string): FactBody => ({ type: 'vote.cast', gate: 'cut', nonce: 'n1', by, vote: 'approve' });
const decided = (decision: 'approved' | 'rejected'): FactBody => ({
  type: 'gate.decided',
  gate: 'cut',
  nonce: 'n1',
  decision,
  by: ['bob'],
  planHash: 'h',
});

describe('a vote', () => {
  test('of the first of two people waits for the second, whose vote decides', () => {
    expect(vote()).toEqual({ kind: 'facts', facts: [cast('ann')], message: 'ann approved cut; it waits for 1 more approval.' });
    const last = vote({ state: asked(cast('bob')) });
    expect(last).toMatchObject({ kind: 'facts', message: 'cut is approved by bob, ann.' });
    expect(last.kind === 'facts' && last.facts[1]).toEqual({
      type: 'gate.decided',
      gate: 'cut',
      nonce: 'n1',
      decision: 'approved',
      by: ['bob', 'ann'],
      planHash: 'h',
    });
  });

  test('to reject decides alone, with its reason, also by the person who asked for the run', () => {
    const rejected = vote({ vote: 'reject', reason: 'it is Friday', voter: person('olga', 'approver') });
    expect(rejected).toMatchObject({ kind: 'facts', message: 'olga rejected cut: it is Friday' });
    expect(rejected.kind === 'facts' && rejected.facts[1]).toMatchObject({ decision: 'rejected', reason: 'it is Friday' });
  });

  test('that was withdrawn does not count', () => {
    const state = asked(cast('bob'), { type: 'vote.withdrawn', gate: 'cut', nonce: 'n1', by: 'bob' });
    expect(vote({ state })).toMatchObject({ message: 'ann approved cut; it waits for 1 more approval.' });
  });

  const refusals: readonly (readonly [string, Partial<VoteRequest>, string, string])[] = [
    [
      'somebody without the role',
      { voter: person('eve', 'operator') },
      'gate.not-the-role',
      'Only people with the role approver decide cut; you are not one of them.',
    ],
    [
      'the person who asked for the run',
      { voter: person('olga', 'approver') },
      'gate.requester',
      'You asked for this run, so somebody else with the role approver has to approve cut.',
    ],
    [
      'the same person twice',
      { state: asked(cast('ann')) },
      'gate.already-voted',
      'You have already approved cut; it waits for 1 more approval. You may take it back until then.',
    ],
    ['a button of an older question', { nonce: 'n0' }, 'gate.stale', 'cut was asked again since; answer the newer question.'],
    [
      'an expired question',
      { now: expiresAt },
      'gate.expired',
      'Nobody decided cut until 12:00:00 UTC; press “Ask again” for a new question.',
    ],
    [
      'a question that was approved',
      { state: asked(decided('approved')) },
      'gate.decided',
      'cut is already approved by bob, so nothing was changed; see `/pgupgrade status` for what happens now.',
    ],
    [
      'a question that was rejected',
      { state: asked(decided('rejected')) },
      'gate.decided',
      'cut is already rejected, so nothing was changed; to have it asked again, an operator types `/pgupgrade retry`.',
    ],
    [
      'a rejection without a reason',
      { vote: 'reject', reason: ' ' },
      'gate.reason-missing',
      'Say why cut is rejected: the others have to know.',
    ],
    [
      'another gate',
      { gate: 'undo:cut' },
      'gate.not-open',
      'undo:cut is not asked about now, so nothing was changed; see `/pgupgrade status` for what is.',
    ],
  ];
  test.each(refusals)('is refused to %s', (_who, request, code, message) => {
    expect(vote(request)).toEqual({ kind: 'refused', code, message });
  });

  test('of the requester counts where the service file lets it', () => {
    expect(vote({ voter: person('olga', 'approver'), rule: { ...two, count: 1, requesterMayApprove: true } }).kind).toBe('facts');
  });
});

test('an approval can be taken back by who gave it, until the gate is decided', () => {
  const back = (state = asked(cast('bob')), voter = bob) => withdrawVote({ state, voter, gate: 'cut', nonce: 'n1' });
  expect(back()).toMatchObject({ kind: 'facts', facts: [{ type: 'vote.withdrawn', by: 'bob' }] });
  expect(back(asked(cast('bob')), ann)).toMatchObject({ kind: 'refused', code: 'gate.no-vote' });
  expect(back(asked(cast('bob'), decided('approved')))).toMatchObject({ kind: 'refused', code: 'gate.decided' });
});
