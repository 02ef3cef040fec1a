import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSlack, type Slack } from '../../sandbox/slack/slack.ts';
import { type RunningBot, startBot } from '../support/slack-bot.ts';
import { PEOPLE } from '../support/slack-people.ts';

let slack: Slack;
let bot: RunningBot | undefined;

async function connect(sockets: number, deadAfterMs?: number): Promise<void> {
  bot = await startBot(await slack.listen(), sockets, deadAfterMs);
  if (sockets > 0) await slack.waitForSockets(sockets);
  else slack.setRequestUrl(bot.requestUrl);
}

beforeEach(() => {
  slack = createSlack(PEOPLE);
});
afterEach(async () => {
  await bot?.stop();
  await slack.close();
  bot = undefined;
});

/** A whole conversation, from the typed line to the file in the thread. */
async function conversation(): Promise<void> {
  const acked = await slack.human.command('operator', '/pgupgrade start staging');
  expect(acked).toMatchObject({ ok: true, payload: { text: 'working on start staging' } });
  expect(await slack.waitFor((message) => message.text === 'working on start staging')).toMatchObject({ ephemeral: 'U0OPERATOR' });
  const card = await slack.waitFor((message) => message.text === 'Upgrade staging: 10 percent');
  expect(card.edited).toBeDefined();
  expect(card.blocks.map((block) => block.type)).toEqual(['header', 'actions']);
  expect((await slack.waitFor((message) => message.text === 'by response_url')).ephemeral).toBeUndefined();

  expect(await slack.human.click('approver', card.ts, 'gate:approve')).toMatchObject({ ok: true });
  expect(await slack.waitFor((message) => message.text === 'one moment')).toMatchObject({ ephemeral: 'U0APPROVER' });
  const modal = await slack.waitForView((view) => view.openedBy === 'U0APPROVER');
  expect(await slack.human.submit('approver', modal.id)).toMatchObject({ ok: false, error: 'incomplete' });
  const wrong = await slack.human.submit('approver', modal.id, { instance: 'another' });
  expect(wrong).toMatchObject({ ok: true, payload: { response_action: 'errors', errors: { instance: 'That is not the instance' } } });
  expect(slack.state.views.has(modal.id)).toBe(true);
  expect(await slack.human.submit('approver', modal.id, { instance: 'me-inapp-staging-pg15' })).toEqual({ ok: true, payload: {} });
  expect(slack.state.views.has(modal.id)).toBe(false);

  const reply = await slack.waitFor((message) => message.text === 'approved by <@U0APPROVER>');
  expect(reply.threadTs).toBe(card.ts);
  const shared = await slack.waitFor((message) => message.files.length === 1);
  expect(shared.threadTs).toBe(card.ts);
  const file = await fetch(shared.files[0]?.url_private ?? '');
  expect(await file.text()).toBe('equal\n');
  expect(slack.state.refusals).toEqual([]);
}

describe('a real Bolt app talks to the stand-in with nothing changed but the URL', () => {
  it('by Socket Mode', async () => {
    await connect(1);
    await conversation();
  });

  it('by signed HTTP', async () => {
    await connect(0);
    await conversation();
  });

  it('loses nothing when both of its sockets are refreshed one after the other', async () => {
    await connect(2, 300);
    bot?.app.event('app_home_opened', async () => undefined);
    const outcomes: { readonly ok: boolean }[] = [];
    let over = false;
    const refreshed = slack.refreshSockets().then(() => {
      over = true;
    });
    while (!over || outcomes.length < 50) outcomes.push(await slack.human.openHome('operator'));
    await refreshed;
    await slack.waitForSockets(2);
    expect(outcomes.filter((outcome) => !outcome.ok)).toEqual([]);
  });

  it('with one socket it is deaf for a moment after a refresh, and the person sees it', async () => {
    await connect(1, 300);
    await slack.refreshSockets({ together: true });
    expect(await slack.human.command('operator', '/pgupgrade status')).toEqual({ ok: false, error: 'dispatch_failed' });
    const seen = await slack.waitFor((message) => message.user === 'USLACKBOT');
    expect(seen).toMatchObject({ ephemeral: 'U0OPERATOR', text: '⚠ /pgupgrade failed with the error "dispatch_failed"' });
    await slack.waitForSockets(1);
    expect(await slack.human.command('operator', '/pgupgrade status')).toMatchObject({ ok: true });
    await slack.waitFor((message) => message.text === 'by response_url');
  });
});
