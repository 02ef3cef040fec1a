import { describe, expect, it } from 'vitest';
import { viewProblems } from '../../sandbox/slack/blocks/validate.ts';
import { createHandlers } from '../../src/commands/handlers.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { wantedMessages } from '../../src/slack/project.ts';
import { renderApproval } from '../../src/slack/render/approval.ts';
import { renderDisconnect } from '../../src/slack/render/disconnect.ts';
import { renderModal, renderRestartCopy, renderStart } from '../../src/slack/render/modals.ts';
import { safe } from '../../src/slack/render/text.ts';
import { commandsContext } from '../support/commands-context.ts';
import { hinderers, hostile } from '../support/slack-fixtures.ts';
import { buttonIds, texts } from '../support/slack-limits.ts';
import { begun, doneFacts, firstAt, gateFact, viewOf } from '../support/slack-runs.ts';

const long = 'select 1; -- "x" <b> `y` 🐘 '.repeat(400);

describe('every form', () => {
  it.each(['gate:reject', 'run:skip', 'run:abort', 'run:handoff', 'run:note', 'task:answer'])('of %s is one that Slack takes', (action) => {
    const modal = renderModal(
      { action, value: 'PG-1234567:hold-schema-changes', channel: 'C0MIGRATION' },
      action === 'task:answer' ? long : undefined,
    );
    expect(modal && viewProblems(modal)).toEqual([]);
  });
  it('of start too, with one environment and with more than Slack lists', () => {
    for (const count of [1, 150]) {
      const places = Array.from({ length: count }, (_, at) => `service-number-${at}/environment`);
      expect(viewProblems(renderStart(places, 'C0MIGRATION'))).toEqual([]);
    }
  });
  it('of an approval that was typed too, whatever its plan', () => {
    const { gate } = viewOf([gateFact('approve-cutover', [long, long], { shown: [long], question: long, because: long })]).state;
    expect(gate && viewProblems(renderApproval('PG-1', gate, 'C0MIGRATION'))).toEqual([]);
  });
  it('of sessions to be disconnected too, whoever they are: each is shown whole', () => {
    const request = { run: 'PG-1234567', step: 'approve-cutover', title: hostile, failedAt: firstAt, channel: 'C0MIGRATION' };
    const modal = renderDisconnect({ ...request, sessions: hinderers });
    expect(viewProblems(modal)).toEqual([]);
    expect(JSON.stringify(modal)).not.toContain('<!channel>');
    const words = texts(modal.blocks).join('\n');
    for (const { who } of hinderers) expect(words).toContain(safe(who));
  });
  it('of a copy that is to begin anew too', () => {
    expect(
      viewProblems(renderRestartCopy({ run: 'PG-1234567', lost: ['Lost: a day.', 'Kept: the rest.'], channel: 'C0MIGRATION' })),
    ).toEqual([]);
  });
  it('that shows the steps opens by their button and has nothing to send', async () => {
    const world = await commandsContext();
    world.log.push('PG-1', begun, ...doneFacts('preflight'));
    const { button } = createHandlers((who) => ({ ...world.as(who.actor.id), ...who }));
    const actor = { id: 'U0OUTSIDER', via: 'slack' } as const;
    const answer = await button({ actor, channel: 'C0MIGRATION', action: 'run:status', value: 'PG-1' });
    if (!('modal' in answer)) throw new Error(`no window: ${answer.text}`);
    expect(viewProblems(answer.modal)).toEqual([]);
    expect(answer.modal.submit).toBeUndefined();
    expect(JSON.stringify(answer.modal)).toContain('✅ Preflight');
  });
});

describe('a question’s card', () => {
  const wanted = (facts: readonly FactBody[], minutes = 0) => {
    const view = viewOf(facts, { now: firstAt + minutes * 60_000 + 2_000 });
    return wantedMessages(view, (length) => fold(view.facts.slice(0, length), view.shape));
  };
  const asked = gateFact('approve-cutover', ['revoke connect'], { shown: ['lag 0.2 MB'] });
  const vote: FactBody = { type: 'vote.cast', gate: 'approve-cutover', nonce: 'n-approve-cutover', by: 'U0APPROVER', vote: 'approve' };
  const rechecked: FactBody = { type: 'gate.rechecked', gate: 'approve-cutover', nonce: 'n-approve-cutover', by: 'U0SECOND' };
  const cards = (facts: readonly FactBody[]) => wanted(facts).filter(({ kind }) => kind === 'gate');
  const said = (facts: readonly FactBody[]) => texts(cards(facts)[0]?.message.blocks ?? []).join('\n');

  it('stays one card when it is looked at again: its figures are new, its vote stands', () => {
    expect(buttonIds(cards([asked, vote])[0]?.message.blocks ?? [])).toEqual([
      'gate:approve',
      'gate:reject',
      'gate:recheck',
      'gate:withdraw',
    ]);
    expect(said([asked, vote, rechecked])).toContain('Being looked at again');
    expect(buttonIds(cards([asked, vote, rechecked])[0]?.message.blocks ?? [])).toEqual([]);
    const again = [asked, vote, rechecked, gateFact('approve-cutover', ['revoke connect'], { shown: ['lag 48 MB'] })];
    expect(cards(again)).toHaveLength(1);
    expect(said(again)).toContain('lag 48 MB');
    expect(said(again)).not.toContain('lag 0.2 MB');
    expect(said(again)).toContain('for <@U0SECOND>: the plan is the same');
    expect(said(again)).toContain('✓ <@U0APPROVER>');
  });
  it('gives way to a new one when what is seen differs, and says what', () => {
    const because = 'what is seen changed since it was asked; the votes of U0APPROVER are void: now “and more”';
    const other = gateFact('approve-cutover', ['revoke connect', 'and more'], { nonce: 'n2', because });
    const [old, fresh] = cards([asked, vote, rechecked, other]);
    expect(buttonIds(old?.message.blocks ?? [])).toEqual([]);
    expect(texts(fresh?.message.blocks ?? []).join('\n')).toContain('the votes of <@U0APPROVER> are void: now “and more”');
  });
  it('names those who decide after five minutes, and after fifteen those above them as well', () => {
    const reminders = (minutes: number) =>
      wanted([asked], minutes)
        .filter(({ kind }) => kind === 'reminder')
        .map(({ message }) => message.text);
    expect(reminders(4)).toEqual([]);
    expect(reminders(6)).toEqual([expect.stringMatching(/^🔔 <!subteam\^S0DBAS>: /)]);
    expect(reminders(16)).toEqual([
      expect.stringMatching(/^🔔 <!subteam\^S0DBAS>: /),
      expect.stringMatching(/^🔔 <!subteam\^S0DBAS> and <@U0ADMIN>: /),
    ]);
  });
});
