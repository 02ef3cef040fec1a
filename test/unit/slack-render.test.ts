import { describe, expect, it } from 'vitest';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { wantedMessages } from '../../src/slack/project.ts';
import type { RunViewData } from '../../src/slack/render/face.ts';
import { renderSteps } from '../../src/slack/render/steps.ts';
import { blocked, fixtureMessages, hostile, logs, writeStop } from '../support/slack-fixtures.ts';
import { buttonIds, limitProblems, texts } from '../support/slack-limits.ts';
import { doneFacts, firstAt, gateFact, smallFace, smallShape, viewOf } from '../support/slack-runs.ts';

const wanted = (view: RunViewData) => wantedMessages(view, (length) => fold(view.facts.slice(0, length), view.shape));
const only = (view: RunViewData, kind: string) => {
  const found = wanted(view).filter((one) => one.kind === kind);
  const last = found.at(-1);
  if (!last) throw new Error(`no message of kind ${kind}`);
  return last;
};
const said = (view: RunViewData, kind: string) => texts(only(view, kind).message.blocks).join('\n');

describe('every message', () => {
  for (const [name, facts] of Object.entries(logs))
    it(`${name} is within Slack’s limits`, () => {
      for (const now of [firstAt + 60_000, firstAt + 20 * 60_000]) {
        const view = viewOf(facts, { now });
        const found = [...wanted(view).map((one) => one), { key: 'steps', kind: 'steps', message: renderSteps(view), file: undefined }];
        for (const one of found) if (!one.file) expect({ [`${one.key}`]: limitProblems(one.message) }).toEqual({ [`${one.key}`]: [] });
      }
    });

  it('that Slack itself is asked about is within its limits, and none of the kinds is left out', () => {
    const all = fixtureMessages();
    for (const [name, one] of all) expect({ [name]: limitProblems(one) }).toEqual({ [name]: [] });
    const types = new Set(all.flatMap(([, one]) => one.blocks.map(({ type }) => type)));
    expect([...types]).toEqual(expect.arrayContaining(['table', 'rich_text', 'actions']));
    expect(all.map(([name]) => name)).toContain('a warning message of a way back in danger');
  });

  it('of a runbook with 60 steps and titles of any length is within Slack’s limits', () => {
    const shape = Array.from({ length: 60 }, (_, i) => ({
      ...smallShape[0],
      id: `step-${i}`,
      title: `${hostile} ${i} `.repeat(9),
      phase: `Phase ${i % 30} ${hostile}`,
    }));
    const view = viewOf([], {
      shape: shape.map((one) => ({
        ...one,
        leg: 'upgrade' as const,
        impact: 'none' as const,
        gated: true,
        skippable: false,
        irreversible: false,
        undo: 'keep' as const,
      })),
    });
    for (const one of wanted(view)) expect(limitProblems(one.message)).toEqual([]);
    expect(limitProblems(renderSteps(view))).toEqual([]);
  });
});

describe('the keys of messages', () => {
  it('are unique in a run and do not change as the log grows', () => {
    const facts = [...writeStop, { type: 'give-back.begun', reason: 'x' }, { type: 'writes.given-back', offForMs: 1 }] as const;
    const keys = wanted(viewOf(facts)).map((one) => one.key);
    expect(new Set(keys).size).toBe(keys.length);
    for (let length = 0; length <= facts.length; length += 1) {
      const earlier = wanted(viewOf(facts.slice(0, length))).map((one) => one.key);
      expect(keys.filter((key) => earlier.includes(key))).toEqual(earlier);
    }
  });
});

describe('the board', () => {
  const board = (facts: readonly FactBody[], more: Partial<RunViewData> = {}) => only(viewOf(facts, more), 'board').message;

  const always = ['run:status', 'run:note', 'run:handoff'];
  it('offers only what is legal now', () => {
    expect(buttonIds(board([]).blocks)).toEqual(['run:pause', ...always, 'run:abort']);
    expect(buttonIds(board([{ type: 'pause.requested', by: 'U0OPERATOR', reason: '' }]).blocks)).toEqual([
      'run:resume',
      ...always,
      'run:abort',
    ]);
    expect(buttonIds(board([blocked()]).blocks)).toEqual(['run:retry', 'run:skip', ...always, 'run:abort']);
    expect(buttonIds(board([blocked({ step: 'preflight' })]).blocks)).toEqual(['run:retry', ...always, 'run:abort']);
    expect(buttonIds(board([...writeStop, { type: 'promotion.called' }]).blocks)).not.toContain('run:abort');
    expect(buttonIds(board([{ type: 'run.finished' }]).blocks)).toEqual([]);
  });

  it('shows the clock of the write stop, and that nothing is given back any more after the call', () => {
    expect(said(viewOf(writeStop, { now: firstAt + 21_000 }), 'board')).toContain('Writes off 12 s');
    expect(said(viewOf(writeStop, { now: firstAt + 21_000 }), 'board')).toMatch(/\d+s left\*, else the writes are given back/);
    const called = viewOf([...writeStop, { type: 'promotion.called' }]);
    const at = called.facts.at(-1)?.at ?? 0;
    const running = said(viewOf([...writeStop, { type: 'promotion.called' }], { now: at + 65_000 }), 'board');
    expect(running).toContain('nothing is given back automatically');
    expect(running).toContain('the promotion was called 1m 05s ago, at ');
  });

  it('a warning of the bot is said in the channel, a note of a person in the thread', () => {
    const note = { type: 'note', by: 'bot', text: 'The writes could not be given back yet' } as const;
    const warned = viewOf([{ ...note, marks: 'warning' }]);
    expect(only(warned, 'warning').broadcast).toBe(true);
    expect(said(warned, 'warning')).toContain('⚠ The writes could not be given back yet');
    expect(only(viewOf([{ ...note, by: 'U0LEAD' }]), 'deed').broadcast).toBe(false);
  });

  it('shows the armed way back, what stands against going back, and that there is none any more', () => {
    const look = { at: firstAt, text: 'lag 12 kB · WAL kept 16 MB of at most 20 GB', memo: undefined };
    expect(said(viewOf([{ type: 'run.finished' }], { wayBack: look }), 'board')).toContain('*Way back* · lag 12 kB');
    const tended = (more: Partial<Extract<FactBody, { type: 'way-back.tended' }>>): FactBody => ({
      type: 'way-back.tended',
      did: [],
      warnings: [],
      gaps: [],
      ...more,
    });
    const warned = viewOf(
      [tended({ warnings: ['column public.t.c exists only on the new instance'], gaps: ['rows of <t> are missing'] })],
      { wayBack: look },
    );
    expect(said(warned, 'board')).toContain('2 things against going back: rows of &lt;t&gt; are missing; column public.t.c');
    expect(only(warned, 'warning').broadcast).toBe(true);
    expect(only(viewOf([tended({ did: ['table public.t is made on the old instance too'] })]), 'deed').broadcast).toBe(false);
    const lost = viewOf([tended({ lost: 'its slot is dropped' })], { wayBack: look });
    expect(said(lost, 'board')).toContain('No way back any more*: its slot is dropped');
    expect(said(lost, 'warning')).toContain('There is no way back any more');
    const resolved = [tended({ warnings: ['x'] }), tended({})];
    expect(viewOf(resolved).state.wayBack).toEqual({ warnings: [], gaps: [], lost: undefined, over: false });
    const over = viewOf([tended({ over: 'the 7 days of the way back are over' })]);
    expect(only(over, 'warning').broadcast).toBe(true);
    expect(said(over, 'warning')).toContain('⏰ Way back: the 7 days of the way back are over');
    expect(said(over, 'warning')).not.toContain('Nothing stands against');
  });

  it('shows how far the destination is behind, as it was seen last, until the promotion is called', () => {
    const seen = (bytes: number): FactBody => ({ type: 'fact.recorded', step: 'wait-for-sync', key: 'lag', value: { at: firstAt, bytes } });
    expect(said(viewOf([seen(9e9), seen(12_288)]), 'board')).toContain('*Lag of the destination*\n12 kB · ');
    expect(said(viewOf([]), 'board')).not.toContain('Lag');
    expect(said(viewOf([seen(1), { type: 'promotion.called' }]), 'board')).not.toContain('Lag');
  });

  it('is the same message while nothing changes, so that it is not edited', () => {
    const [a, b] = [firstAt + 60_000, firstAt + 600_000].map((now) => board(doneFacts('preflight'), { now }));
    expect(a).toEqual(b);
  });

  it('shows the progress of the current step only', () => {
    const progress = { step: 'enable-replication-flags', at: firstAt, text: '31 of 50 GB', fraction: 0.62, etaMs: 6_000 };
    expect(said(viewOf(doneFacts('preflight'), { progress, now: firstAt }), 'board')).toMatch(
      /█+░+` 62 % · 31 of 50 GB · about 6.0 s left/,
    );
    expect(said(viewOf([], { progress }), 'board')).not.toContain('31 of 50 GB');
  });
});

describe('a gate’s card', () => {
  const asked = [gateFact('approve-cutover', ['revoke connect …'])] as const;
  const cast = (by: string, vote: 'approve' | 'reject' = 'approve'): FactBody => ({
    type: 'vote.cast',
    gate: 'approve-cutover',
    nonce: 'n-approve-cutover',
    by,
    vote,
  });

  it('says who decides, that the requester does not, and carries only ids', () => {
    const card = only(viewOf(asked), 'gate');
    expect(said(viewOf(asked), 'gate')).toContain('Needs 2 approvals from <!subteam^S0DBAS>');
    expect(said(viewOf(asked), 'gate')).toContain('<@U0OPERATOR> asked for this run and cannot approve it.');
    expect(buttonIds(card.message.blocks)).toEqual(['gate:approve', 'gate:reject', 'gate:recheck']);
    expect(JSON.stringify(card.message.blocks)).toContain('"value":"PG-1:approve-cutover:n-approve-cutover"');
    expect(card.broadcast).toBe(true);
  });
  it('counts the votes and keeps its buttons until the last one', () => {
    const one = viewOf([...asked, cast('U0APPROVER')]);
    expect(said(one, 'gate')).toContain('○ 1 more');
    expect(buttonIds(only(one, 'gate').message.blocks)).toContain('gate:approve');
  });
  it('becomes a stamp without buttons when it is decided', () => {
    const view = viewOf([
      ...asked,
      cast('U0APPROVER'),
      cast('U0SECOND'),
      {
        type: 'gate.decided',
        gate: 'approve-cutover',
        nonce: 'n-approve-cutover',
        decision: 'approved',
        by: ['U0APPROVER', 'U0SECOND'],
        planHash: 'hash',
      },
    ]);
    expect(said(view, 'gate')).toContain('✅ Approved by <@U0APPROVER> and <@U0SECOND>');
    expect(buttonIds(only(view, 'gate').message.blocks)).toEqual([]);
  });
  it('offers to ask again when it expired, and nothing when a newer question took its place', () => {
    const expired: FactBody = { type: 'gate.expired', gate: 'approve-cutover', nonce: 'n-approve-cutover' };
    expect(buttonIds(only(viewOf([...asked, expired]), 'gate').message.blocks)).toEqual(['gate:again']);
    const newer = gateFact('approve-cutover', ['other'], { nonce: 'n2', because: 'the plan changed' });
    const cards = wanted(viewOf([...asked, expired, newer])).filter((one) => one.kind === 'gate');
    expect(cards.map((one) => buttonIds(one.message.blocks))).toEqual([[], ['gate:approve', 'gate:reject', 'gate:recheck']]);
  });
  it('comes with the whole plan as a file when the card cannot hold it', () => {
    const plan = Array.from({ length: 400 }, (_, i) => `grant select on table_${i} to "migration"`);
    const view = viewOf([gateFact('enable-replication-flags', plan)]);
    expect(only(view, 'file').file).toEqual({ name: 'enable-replication-flags-plan.txt', content: `${plan.join('\n')}\n` });
  });
  it('is brought up again after five and fifteen minutes, while it is open', () => {
    const at = (minutes: number) =>
      wanted(viewOf(asked, { now: firstAt + minutes * 60_000 + 2_000 })).filter((one) => one.kind === 'reminder').length;
    expect([at(4), at(6), at(16)]).toEqual([0, 1, 2]);
  });
});

describe('a failure', () => {
  it('tells the state that things are in: writes on or off, as it was then', () => {
    expect(said(viewOf([blocked()]), 'failure')).toContain('Writes are on.');
    const off = viewOf([...writeStop, blocked({ step: 'promote-destination' })]);
    expect(said(off, 'failure')).toContain('Writes are OFF since');
    const later = viewOf([
      ...writeStop,
      blocked({ step: 'promote-destination' }),
      { type: 'give-back.begun', reason: 'x' },
      { type: 'writes.given-back', offForMs: 9 },
    ]);
    expect(said(later, 'failure')).toContain('Writes are OFF since');
  });
  it('that gave the writes back leaves the choice to the message that says so, until somebody decides', () => {
    const stopped = [...writeStop, blocked({ step: 'validate' }), { type: 'give-back.begun', reason: 'x' }] as const;
    const given = [...stopped, { type: 'writes.given-back', offForMs: 9 }] as const;
    const buttonsOf = (facts: readonly FactBody[], kind: 'failure' | 'give-back') =>
      buttonIds(
        wanted(viewOf(facts))
          .filter((one) => one.kind === kind)
          .flatMap(({ message }) => message.blocks),
      );
    expect(buttonsOf(stopped, 'give-back')).toEqual([]);
    expect([buttonsOf(given, 'failure'), buttonsOf(given, 'give-back')]).toEqual([[], ['run:retry', 'run:abort']]);
    expect(buttonsOf([...given, { type: 'retry.requested', step: 'approve-cutover', by: 'U0OPERATOR' }], 'give-back')).toEqual([]);
  });
  it('loses its buttons when somebody decided', () => {
    expect(buttonIds(only(viewOf([blocked()]), 'failure').message.blocks)).toEqual(['run:retry', 'run:skip', 'run:abort']);
    const retried = viewOf([blocked(), { type: 'retry.requested', step: 'hold-schema-changes', by: 'U0OPERATOR' }]);
    expect(buttonIds(only(retried, 'failure').message.blocks)).toEqual([]);
    expect(said(retried, 'failure')).toContain('<@U0OPERATOR> retried it');
  });
});

describe('a task', () => {
  const asked: FactBody = {
    type: 'task.asked',
    step: 'hold-schema-changes',
    what: ['Switch the flipper on'],
    verifiedBy: 'the setting',
    expects: 'the link of the change',
  };
  it('asks for the words where it expects an answer, and is stamped when it is done', () => {
    expect(buttonIds(only(viewOf([asked]), 'task').message.blocks)).toEqual(['task:answer']);
    const { expects: _expects, ...plain } = asked;
    expect(buttonIds(only(viewOf([plain]), 'task').message.blocks)).toEqual(['task:done']);
    const done = viewOf([asked, { type: 'task.done', step: 'hold-schema-changes', by: 'U0OPERATOR', answer: 'https://example.org/1' }]);
    expect(said(done, 'task')).toContain('✅ Done by <@U0OPERATOR>');
    expect(buttonIds(only(done, 'task').message.blocks)).toEqual([]);
  });
});

describe('the last message', () => {
  it('says for how long writes were off, who approved, what was proved, and brings the report as files', () => {
    const view = viewOf([
      ...writeStop,
      { type: 'promotion.called' },
      ...doneFacts('promote-destination', 'start-services', 'remove-migration'),
      { type: 'run.finished' },
    ]);
    expect(only(view, 'report').message.text).toMatch(/^PG-1 .* finished after 21 s, writes off 9\.0 s\.$/);
    expect(said(view, 'report')).toContain('validate is as it should be');
    const files = wanted(view).flatMap((one) => (one.file ? [one.file] : []));
    expect(files.map((one) => one.name)).toEqual(['PG-1-report.html', 'PG-1-report.json', 'PG-1-report.md']);
    expect(files[0]?.content).not.toMatch(/<script|<!channel/);
    expect(JSON.parse(files[1]?.content ?? '')).toMatchObject({ run: 'PG-1', ended: 'finished', outages: [{ end: 'switched' }] });
  });
  it('of an aborted run says which instance serves', () => {
    const view = viewOf([
      { type: 'abort.requested', by: 'U0ADMIN', reason: 'x' },
      { type: 'undo.begun', reason: 'x' },
      { type: 'run.aborted' },
    ]);
    expect(said(view, 'report')).toContain(`${smallFace.source} serves as before`);
  });
});
