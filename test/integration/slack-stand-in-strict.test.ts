import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isObject } from '../../sandbox/slack/json.ts';
import { createSlack, type Slack } from '../../sandbox/slack/slack.ts';
import type { Json, SlackOptions } from '../../sandbox/slack/types.ts';
import { callSlack } from '../support/slack-api.ts';
import { type RunningBot, startBot } from '../support/slack-bot.ts';
import { PEOPLE } from '../support/slack-people.ts';

const CHANNEL = 'C0MIGRATION';
let slack: Slack;
let base: string;
let bot: RunningBot | undefined;
let clock = 1_800_000_000_000;

async function start(options: Partial<SlackOptions> = {}): Promise<void> {
  slack = createSlack({ ...PEOPLE, ...options });
  base = await slack.listen();
}

function answer(method: string, args: Json = {}, token?: string): Promise<Json> {
  return callSlack(base, method, args, token).then(({ body }) => body);
}

/** What a method refuses with, or `ok`. */
async function error(method: string, args: Json = {}, token?: string): Promise<unknown> {
  const body = await answer(method, args, token);
  return body['ok'] === true ? 'ok' : body['error'];
}

const text = (words: string) => ({ type: 'plain_text', text: words });
const section = (words: string, more: Json = {}) => ({ type: 'section', text: { type: 'mrkdwn', text: words }, ...more });
const button = (id: string, label = 'Go') => ({ type: 'button', action_id: id, text: text(label), value: 'v' });
const post = (more: Json) => error('chat.postMessage', { channel: CHANNEL, text: 'x', ...more });
const modal = (blocks: readonly Json[], more: Json = {}) => ({ type: 'modal', title: text('T'), submit: text('Go'), blocks, ...more });

beforeEach(() => start({ now: () => clock }));
afterEach(async () => {
  await bot?.stop();
  bot = undefined;
  await slack.close();
});

describe('tokens, scopes and methods', () => {
  it('takes only its own tokens, each for what it is for', async () => {
    expect(await error('auth.test', {}, '')).toBe('not_authed');
    expect(await error('auth.test', {}, 'xoxb-wrong')).toBe('invalid_auth');
    expect(await error('auth.test', {}, 'xapp-sandbox')).toBe('not_allowed_token_type');
    expect(await error('apps.connections.open')).toBe('not_allowed_token_type');
    expect(await answer('auth.test')).toMatchObject({ ok: true, user_id: 'U0BOT', team_id: 'T0SANDBOX' });
  });

  it('records a method that it does not know', async () => {
    expect(await error('conversations.history', { channel: CHANNEL })).toBe('unknown_method');
    expect(slack.state.unknownMethods).toEqual(['conversations.history']);
  });

  it('refuses what the app was not granted', async () => {
    await slack.close();
    await start({ scopes: ['commands', 'chat:write'] });
    expect(await answer('usergroups.users.list', { usergroup: 'S0DBAS' })).toMatchObject({
      error: 'missing_scope',
      needed: 'usergroups:read',
    });
  });

  it('knows user groups, and says so where the plan has none', async () => {
    expect(await answer('usergroups.users.list', { usergroup: 'S0DBAS' })).toMatchObject({ users: ['U0APPROVER', 'U0SECOND'] });
    expect(await error('usergroups.users.list', { usergroup: 'S0NONE' })).toBe('no_such_subteam');
    await slack.close();
    await start({ freePlan: true });
    expect(await error('usergroups.users.list', { usergroup: 'S0DBAS' })).toBe('plan_upgrade_required');
  });
});

describe('channels and messages', () => {
  it('tells apart why it cannot write somewhere', async () => {
    expect(await post({ channel: 'C0NONE' })).toBe('channel_not_found');
    expect(await post({ channel: 'C0OTHER' })).toBe('not_in_channel');
    expect(await post({ channel: 'C0SECRET' })).toBe('channel_not_found');
    expect(await post({ channel: 'C0OLD' })).toBe('is_archived');
    expect(await error('chat.update', { channel: 'C0OLD', ts: '1.1', text: 'x' })).toBe('is_inactive');
    expect(await error('chat.update', { channel: CHANNEL, ts: '1.1', text: 'x' })).toBe('message_not_found');
    expect(await post({ text: '' })).toBe('no_text');
    expect(await post({ thread_ts: '1.1' })).toBe('thread_not_found');
  });

  it('keeps blocks that an edit leaves out, and clears them for an empty list', async () => {
    const { ts } = await answer('chat.postMessage', { channel: CHANNEL, text: 'a', blocks: [section('one')] });
    await answer('chat.update', { channel: CHANNEL, ts, text: 'b' });
    expect(slack.state.messages[0]).toMatchObject({ text: 'b', blocks: [{ type: 'section' }] });
    await answer('chat.update', { channel: CHANNEL, ts, text: 'c', blocks: [] });
    expect(slack.state.messages[0]?.blocks).toEqual([]);
  });

  it('edits neither an ephemeral message nor somebody else’s', async () => {
    const { message_ts: ts } = await answer('chat.postEphemeral', { channel: CHANNEL, user: 'U0OPERATOR', text: 'psst' });
    expect(await error('chat.update', { channel: CHANNEL, ts, text: 'x' })).toBe('message_not_found');
    const said = slack.human.say('operator', 'mine');
    expect(await error('chat.update', { channel: CHANNEL, ts: said.ts, text: 'x' })).toBe('cant_update_message');
  });

  it('notifies whom a message mentions, and nobody by an edit', async () => {
    const { ts } = await answer('chat.postMessage', {
      channel: CHANNEL,
      text: 'Gate for dbas',
      blocks: [section('<!subteam^S0DBAS> please')],
    });
    expect(slack.state.notifications.map((one) => one.to)).toEqual(['U0APPROVER', 'U0SECOND']);
    await answer('chat.update', { channel: CHANNEL, ts, text: 'x', blocks: [section('<@U0OPERATOR> please')] });
    expect(slack.state.notifications).toHaveLength(2);
  });

  it('pins once', async () => {
    const { ts } = await answer('chat.postMessage', { channel: CHANNEL, text: 'board' });
    expect(await error('pins.add', { channel: CHANNEL, timestamp: ts })).toBe('ok');
    expect(await error('pins.add', { channel: CHANNEL, timestamp: ts })).toBe('already_pinned');
    expect(slack.state.messages[0]?.pinned).toBe(true);
  });
});

describe('rates', () => {
  it('lets a burst of posts through, then answers 429 with the seconds to wait, per channel', async () => {
    const outcomes = [];
    for (let sent = 0; sent < 12; sent += 1) outcomes.push(await post({}));
    expect(outcomes.filter((one) => one === 'ok')).toHaveLength(10);
    const { response, body } = await callSlack(base, 'chat.postMessage', { channel: CHANNEL, text: 'x' });
    expect([response.status, response.headers.get('retry-after'), body['error']]).toEqual([429, '1', 'ratelimited']);
    expect(await post({ channel: 'U0LEAD' })).toBe('ok');
    clock += 1_000;
    expect(await post({})).toBe('ok');
  });

  it('holds edits to their tier, can be told other rates, and none', async () => {
    await slack.close();
    await start({ now: () => clock, rateLimits: { 'chat.update': { perMinute: 60, burst: 1 } } });
    const { ts } = await answer('chat.postMessage', { channel: CHANNEL, text: 'x' });
    const edit = () => error('chat.update', { channel: CHANNEL, ts, text: 'y' });
    expect([await edit(), await edit()]).toEqual(['ok', 'ratelimited']);
    await slack.close();
    await start({ rateLimits: 'off' });
    for (let sent = 0; sent < 40; sent += 1) expect(await post({})).toBe('ok');
  });
});

describe('time limits', () => {
  it('shows a late ack to the person, and takes note of the ack that came too late', async () => {
    await slack.close();
    await start({ limits: { ackMs: 150 } });
    bot = await startBot(base, 1);
    await slack.waitForSockets(1);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    bot.app.action('slow', async ({ ack }) => {
      await held;
      await ack();
    });
    const { ts } = await answer('chat.postMessage', {
      channel: CHANNEL,
      text: 'x',
      blocks: [{ type: 'actions', elements: [button('slow', 'Slow')] }],
    });
    expect(await slack.human.click('operator', String(ts), 'slow')).toEqual({ ok: false, error: 'operation_timeout' });
    expect(await slack.waitFor((message) => message.user === 'USLACKBOT')).toMatchObject({
      ephemeral: 'U0OPERATOR',
      text: expect.stringContaining('did not answer "Slow"'),
    });
    const noted = new Promise((resolve) =>
      slack.on((event) => event.kind === 'refused' && event.refusal.error === 'late' && resolve(true)),
    );
    release();
    await noted;
  });

  it('opens a modal once for a trigger, and only within three seconds', async () => {
    const view = modal([section('x')]);
    slack.state.triggers.set('one', { user: 'U0OPERATOR', at: clock });
    slack.state.triggers.set('two', { user: 'U0OPERATOR', at: clock });
    expect(await error('views.open', { trigger_id: 'none', view })).toBe('invalid_trigger_id');
    expect(await error('views.open', { trigger_id: 'one', view })).toBe('ok');
    expect(await error('views.open', { trigger_id: 'one', view })).toBe('exchanged_trigger_id');
    clock += 3_001;
    expect(await error('views.open', { trigger_id: 'two', view })).toBe('expired_trigger_id');
  });

  it('takes five uses of a response_url within 30 minutes, which can change an ephemeral message', async () => {
    const { message_ts: ts } = await answer('chat.postEphemeral', { channel: CHANNEL, user: 'U0OPERATOR', text: 'psst' });
    const issue = (id: string) =>
      slack.state.responseUrls.set(id, { user: 'U0OPERATOR', channel: CHANNEL, ts: String(ts), at: clock, uses: 0 });
    const use = (id: string, body: Json) =>
      fetch(`${base}/actions/${id}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    issue('a');
    expect((await use('a', { replace_original: true, text: 'changed' })).status).toBe(200);
    expect(slack.state.messages[0]).toMatchObject({ text: 'changed', ephemeral: 'U0OPERATOR' });
    for (let used = 1; used < 5; used += 1) expect((await use('a', { text: 'more' })).status).toBe(200);
    expect((await use('a', { text: 'more' })).status).toBe(404);
    issue('b');
    clock += 30 * 60_000 + 1;
    expect(await (await use('b', { text: 'late' })).text()).toContain('expired_url');
  });
});

describe('views', () => {
  const input = { type: 'input', block_id: 'why', label: text('Why'), element: { type: 'plain_text_input', action_id: 'a' } };
  const open = async (view: Json) => {
    slack.state.triggers.set('t', { user: 'U0OPERATOR', at: clock });
    slack.state.usedTriggers.delete('t');
    return answer('views.open', { trigger_id: 't', view });
  };

  it('refuses an update that was made of an older state', async () => {
    const opened = (await open(modal([input])))['view'];
    if (!isObject(opened)) throw new Error('not opened');
    const update = (hash: unknown) => error('views.update', { view_id: opened['id'], hash, view: modal([input]) });
    expect(await update(opened['hash'])).toBe('ok');
    expect(await update(opened['hash'])).toBe('hash_conflict');
  });

  it('refuses a modal that Slack would refuse', async () => {
    expect((await open(modal([input], { title: text('x'.repeat(25)) })))['error']).toBe('invalid_arguments');
    expect((await open(modal([input], { private_metadata: 'x'.repeat(3001) })))['error']).toBe('invalid_arguments');
    expect((await open({ type: 'modal', title: text('T'), blocks: [input] }))['error']).toBe('invalid_arguments');
    expect((await open(modal(Array.from({ length: 101 }, () => ({ type: 'divider' })))))['error']).toBe('invalid_arguments');
    expect((await open(modal([{ type: 'table', rows: [[{ type: 'raw_text', text: 'x' }]] }])))['error']).toBe('invalid_arguments');
  });
});

describe('people', () => {
  it('cannot type a command in a thread, nor one that does not exist', async () => {
    const { ts } = await answer('chat.postMessage', { channel: CHANNEL, text: 'board' });
    expect(await slack.human.command('operator', '/pgupgrade status', { thread: String(ts) })).toEqual({
      ok: false,
      error: 'not_in_thread',
    });
    expect(await slack.human.command('operator', '/upgrade')).toEqual({ ok: false, error: 'unknown_command' });
  });

  it('press only what they see, and answer what a button asks', async () => {
    const actions = (more: Json = {}) => [{ type: 'actions', elements: [{ ...button('gate:approve'), ...more }] }];
    const { message_ts: hidden } = await answer('chat.postEphemeral', {
      channel: CHANNEL,
      user: 'U0OPERATOR',
      text: 'x',
      blocks: actions(),
    });
    expect(() => slack.human.click('approver', String(hidden), 'gate:approve')).toThrow(/approver sees no message/);
    const { ts } = await answer('chat.postMessage', {
      channel: CHANNEL,
      text: 'x',
      blocks: actions({ confirm: { text: text('Really?') } }),
    });
    expect(() => slack.human.click('approver', String(ts), 'gate:approve')).toThrow(/asks "Really\?"/);
    expect(await slack.human.click('approver', String(ts), 'gate:approve', { confirm: false })).toEqual({ ok: true, payload: {} });
    expect(() => slack.human.click('approver', String(ts), 'gate:none')).toThrow(/there are gate:approve/);
  });

  it('are not pressed by another site’s page', async () => {
    const press = (headers: Readonly<Record<string, string>>) =>
      fetch(`${base}/_human/say`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{"user":"operator","text":"hello"}',
      });
    expect((await press({ origin: 'http://elsewhere.example' })).status).toBe(403);
    expect((await press({})).status).toBe(200);
  });
});

describe('faults that a test asks for', () => {
  it('does the work and loses the answer, or refuses with an error of the test’s choice', async () => {
    await slack.close();
    let fault: 'lost' | { readonly error: string } | undefined = 'lost';
    await start({ faults: { method: () => fault } });
    await expect(post({ text: 'done all the same' })).rejects.toThrow();
    expect(slack.state.messages.map((message) => message.text)).toEqual(['done all the same']);
    fault = { error: 'fatal_error' };
    expect(await post({})).toBe('fatal_error');
    fault = undefined;
    expect(await post({})).toBe('ok');
  });
});
