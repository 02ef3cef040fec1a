import { describe, expect, test } from 'vitest';
import { castVote, recheck } from '../../src/engine/approvals.ts';
import { abort, askAgain, pause, resume, retry, skip } from '../../src/engine/moves.ts';
import { shapeOf } from '../../src/engine/shape.ts';
import { type FileStep, fileRunbook } from '../support/file-runbook.ts';
import { useBenches } from '../support/use-benches.ts';

const bench = useBenches();

describe('people', () => {
  test('a plan that changed since it was approved is asked about again, with what changed', async () => {
    const run = await bench({ steps: [{ id: 'one', gate: true }] });
    await run.work();
    await run.until((state) => state.status === 'waiting-gate', 'the gate');
    run.make('one.plan', 'and restart it');
    await run.approve('U0APPROVER');
    const again = await run.until((state) => state.gate?.because !== undefined, 'the gate again');
    expect(again.gate?.because).toBe('the plan changed since U0APPROVER approved it: now “and restart it”');
    expect(run.has('one')).toBe(false);
    await run.approve('U0SECOND');
    await run.until((state) => state.status === 'finished', 'the end');
  });

  test('a question that is looked at again keeps its number and its votes while the plan is the same', async () => {
    const run = await bench({ steps: [{ id: 'one', gate: true }] });
    await run.work();
    const { gate } = await run.until((state) => state.status === 'waiting-gate', 'the gate');
    const question = { gate: 'one', nonce: gate?.nonce ?? '' };
    const voter = { id: 'U0APPROVER', roles: new Set(['approver']) };
    const two = { role: 'approver', count: 2, requesterMayApprove: false };
    await run.move((state) => castVote({ state, rule: two, voter, ...question, vote: 'approve', now: Date.now() }));
    await run.move((state) => recheck({ state, voter, ...question }));
    const same = await run.until((state) => state.gate !== undefined && state.rechecked === undefined, 'the same question');
    expect(same.gate).toMatchObject({ nonce: gate?.nonce, expiresAt: gate?.expiresAt, votes: [{ by: 'U0APPROVER' }] });
    run.make('one.plan', 'and restart it');
    await run.move((state) => recheck({ state, voter, ...question }));
    const other = await run.until((state) => state.gate?.because !== undefined, 'another question');
    expect(other.gate).toMatchObject({
      votes: [],
      because: 'what is seen changed since it was asked; the votes of U0APPROVER are void: now “and restart it”',
    });
    expect(other.gate?.nonce).not.toBe(gate?.nonce);
    expect(await run.move((state) => castVote({ state, rule: two, voter, ...question, vote: 'approve', now: Date.now() }))).toMatchObject({
      kind: 'refused',
      code: 'gate.stale',
    });
    expect(run.has('one')).toBe(false);
  });

  test('of two clicks in the same moment one decides and the other is told who did', async () => {
    const run = await bench({ steps: [{ id: 'one', gate: true }] });
    await run.work();
    const { gate } = await run.until((state) => state.status === 'waiting-gate', 'the gate');
    const click = (id: string) =>
      run.move((state) =>
        castVote({
          state,
          rule: { role: 'approver', count: 1, requesterMayApprove: false },
          voter: { id, roles: new Set(['approver']) },
          gate: 'one',
          nonce: gate?.nonce ?? '',
          vote: 'approve',
          now: Date.now(),
        }),
      );
    const decisions = await Promise.all([click('U0APPROVER'), click('U0SECOND')]);
    expect(decisions.map((one) => one.kind).sort()).toEqual(['facts', 'refused']);
    expect(decisions.find((one) => one.kind === 'refused')).toMatchObject({
      code: 'gate.decided',
      message: expect.stringMatching(/^one is already approved by U0(APPROVER|SECOND), so nothing was changed;/),
    });
    await run.until((state) => state.status === 'finished', 'the end');
    expect((await run.types()).filter((type) => type === 'gate.decided')).toHaveLength(1);
  });

  test('a question expires by itself and is asked again on request under a new number', async () => {
    const run = await bench({ steps: [{ id: 'one', gate: true }], timing: { gateExpiresMs: 200 } });
    await run.work();
    const expired = await run.until((state) => state.gate?.expired === true, 'the expiry');
    expect(await run.approve('U0APPROVER')).toMatchObject({ kind: 'refused', code: 'gate.expired' });
    await run.move((state) => askAgain(state, 'U0OPERATOR', expired.gate?.nonce ?? ''));
    const again = await run.until((state) => state.gate?.expired === false, 'the gate again');
    expect(again.gate?.nonce).not.toBe(expired.gate?.nonce);
  });

  test('pause ends a running apply, resume looks again and goes on', async () => {
    const run = await bench({ steps: [{ id: 'one' }, { id: 'two' }] });
    run.make('one.hold');
    await run.work();
    await run.until((state) => state.records.has('one'), 'the middle of the apply');
    await run.move((state) => pause(state, 'U0OPERATOR', 'look at something'));
    await run.until((state) => state.status === 'paused', 'the pause');
    run.remove('one.hold');
    await expect.poll(() => run.jobs.queues.steps.getJobCountByTypes('delayed', 'waiting', 'active')).toBe(0);
    expect(run.has('one')).toBe(false);
    await run.move((state) => resume(state, 'U0OPERATOR'));
    const end = await run.until((state) => state.status === 'finished', 'the end');
    expect(end.steps[0]).toMatchObject({ status: 'done', attempts: 2 });
  });

  test('pause takes a step that waits for the world out of the queue at once', async () => {
    const run = await bench({ steps: [{ id: 'wait', waitsFor: 'cdc', undo: 'keep' }] });
    await run.work();
    await run.until((state) => state.steps[0]?.status === 'started', 'the wait');
    await run.move((state) => pause(state, 'U0OPERATOR', ''));
    await run.until((state) => state.status === 'paused', 'the pause');
    await expect.poll(() => run.jobs.queues.steps.getJobCountByTypes('delayed', 'waiting', 'active'), { timeout: 3_000 }).toBe(0);
    run.make('cdc');
    await run.move((state) => resume(state, 'U0OPERATOR'));
    await run.until((state) => state.status === 'finished', 'the end');
  });

  const undoable: readonly FileStep[] = [
    { id: 'one' },
    { id: 'two', undo: 'keep' },
    { id: 'three', undo: 'ask' },
    { id: 'four', undo: 'ask' },
    { id: 'five' },
  ];

  test('abort undoes latest first, also a half-done apply, and asks where the runbook asks', async () => {
    const run = await bench({ steps: undoable });
    run.make('five.hold');
    await run.work();
    await run.until((state) => state.records.has('five'), 'the middle of the apply');
    await run.move((state) => abort(state, shapeOf(fileRunbook(undoable)), 'U0ADMIN', 'not today'));
    await run.until((state) => state.gate?.gate === 'undo:four', 'the gate of four');
    expect(run.has('five.half')).toBe(false);
    await run.approve('U0APPROVER');
    await run.until((state) => state.gate?.gate === 'undo:three', 'the gate of three');
    expect(run.has('four')).toBe(false);
    await run.move((state) =>
      castVote({
        state,
        rule: { role: 'approver', count: 1, requesterMayApprove: true },
        voter: { id: 'U0APPROVER', roles: new Set(['approver']) },
        gate: 'undo:three',
        nonce: state.gate?.nonce ?? '',
        vote: 'reject',
        reason: 'it would restart',
        now: Date.now(),
      }),
    );
    const end = await run.until((state) => state.status === 'aborted', 'the end');
    expect(end.steps.map((step) => step.status)).toEqual(['undone', 'kept', 'kept', 'undone', 'undone']);
    expect([run.has('one'), run.has('two'), run.has('three'), run.has('four')]).toEqual([false, true, true, false]);
  });

  test('an undo that fails can be left as it is, with a reason', async () => {
    const steps: readonly FileStep[] = [{ id: 'one' }, { id: 'two' }, { id: 'wait', waitsFor: 'never', undo: 'keep' }];
    const run = await bench({ steps });
    run.make('two.undo-broken');
    await run.work();
    await run.until((state) => state.steps[2]?.status === 'started', 'the wait');
    await run.move((state) => abort(state, shapeOf(fileRunbook(steps)), 'U0ADMIN', 'not today'));
    const stuck = await run.until((state) => state.status === 'blocked', 'the block');
    expect(stuck.blocked).toMatchObject({ step: 'two', undoing: true, skippable: true });
    await run.move((state) => skip(state, 'U0ADMIN', 'two', 'removed by hand later'));
    const end = await run.until((state) => state.status === 'aborted', 'the end');
    expect(end.steps.map((step) => step.status)).toEqual(['undone', 'kept', 'kept']);
  });

  test('a failure asks people; Retry looks again, Skip goes on only where the runbook allows it', async () => {
    const run = await bench({ steps: [{ id: 'one' }, { id: 'two', skippable: true }, { id: 'three' }] });
    for (const name of ['one.useless', 'two.broken']) run.make(name);
    await run.work();
    const first = await run.until((state) => state.status === 'blocked', 'the block');
    expect(first.blocked).toMatchObject({
      code: 'step.not-done-after-apply',
      reason: 'not done after apply: make one. Writes are on.',
      skippable: false,
    });
    expect(await run.move((state) => skip(state, 'U0ADMIN', 'one', 'why not'))).toMatchObject({
      kind: 'refused',
      code: 'step.not-skippable',
    });
    run.make('one');
    await run.move((state) => retry(state, 'U0OPERATOR'));
    await run.until((state) => state.blocked?.step === 'two', 'the second block');
    await run.move((state) => skip(state, 'U0ADMIN', 'two', 'not needed here'));
    const end = await run.until((state) => state.status === 'finished', 'the end');
    expect(end.steps.map((step) => step.status)).toEqual(['done', 'skipped', 'done']);
  });
});
