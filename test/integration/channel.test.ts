import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FactBody } from '../../src/engine/facts.ts';
import { Refused } from '../../src/errors.ts';
import { buttons, type ChannelWorld, channelWorld, shown } from '../support/channel-world.ts';
import { type RedisForTests, redisForTests } from '../support/engine-bench.ts';
import { hindered, nightly, someone } from '../support/hindered.ts';
import { begun, doneFacts, gateFact } from '../support/slack-runs.ts';

let redis: RedisForTests;
let world: ChannelWorld;
beforeAll(async () => {
  redis = await redisForTests();
});
afterAll(() => redis.close());
beforeEach(async () => {
  world = await channelWorld(redis.url);
});
afterEach(() => world.close());

const question = (more: Partial<Extract<FactBody, { type: 'gate.asked' }>> = {}) =>
  gateFact('approve-cutover', ['revoke connect on database inapp from public'], { expiresAt: Date.now() + 1_800_000, ...more });
const blocked: FactBody = {
  type: 'step.blocked',
  step: 'hold-schema-changes',
  code: 'workloads.not-found',
  reason: 'There is no deployment inapp-worker.',
  remedy: 'Name it in the service file.',
  fate: 'human',
  undoing: false,
};

describe('a run in the channel', () => {
  it('is started, asked, approved, mended and reported without a refusal by Slack', async () => {
    await world.openOutbox();
    await world.openReceiver();
    const { slack, log, seen } = world;
    await slack.human.command('operator', '/pgupgrade start staging');
    const board = await seen((one) => one.text.includes('Running') && one.threadTs === undefined && !one.ephemeral);
    expect(shown(board)).toContain('me-inapp-staging-pg17');
    await seen((one) => one.ephemeral === 'U0OPERATOR' && one.text.startsWith('PG-1 is started'));

    log.push('PG-1', ...doneFacts('preflight'), question());
    const card = await seen((one) => one.text.includes('approvals') || one.text.includes('1 approval from'));
    expect(card).toMatchObject({ threadTs: board.ts, broadcast: true });
    await slack.human.click('operator', card.ts, 'gate:approve', { confirm: true });
    expect((await seen((one) => one.ephemeral === 'U0OPERATOR' && one.text.includes('gate.not-the-role'))).text).toContain('approver');
    await slack.human.click('approver', card.ts, 'gate:approve', { confirm: true });
    const stamped = await seen((one) => one.ts === card.ts && shown(one).includes('Approved by <@U0APPROVER>'));
    expect(buttons(stamped)).toEqual([]);

    log.push('PG-1', blocked);
    const failure = await seen((one) => buttons(one).includes('run:skip') && one.threadTs !== undefined);
    expect(shown(failure)).toContain('Writes are on.');
    await slack.human.click('approver', failure.ts, 'run:skip');
    const modal = await slack.waitForView((view) => view.openedBy === 'U0APPROVER');
    await slack.human.submit('approver', modal.id, { reason: 'done by hand' });
    await seen((one) => one.ts === failure.ts && shown(one).includes('skipped it'));

    log.push('PG-1', {
      type: 'task.asked',
      step: 'remove-migration',
      what: ['Merge the change'],
      verifiedBy: 'the link',
      expects: 'the link',
    });
    const task = await seen((one) => buttons(one).includes('task:answer'));
    await slack.human.click('operator', task.ts, 'task:answer');
    const asking = await slack.waitForView((view) => view.openedBy === 'U0OPERATOR');
    await slack.human.submit('operator', asking.id, { answer: 'https://example.org/pull/7' });
    await seen((one) => one.ts === task.ts && shown(one).includes('Done by'));

    log.push('PG-1', ...doneFacts('remove-migration'), { type: 'run.finished' });
    await seen((one) => one.broadcast === true && one.text.includes('finished after'));
    await seen((one) => one.files.some((file) => file.name === 'PG-1-report.html'));
    await seen((one) => one.files.some((file) => file.name === 'PG-1-report.json'));
    const end = await seen((one) => one.ts === board.ts && one.text.includes('Finished'));
    expect(buttons(end)).toEqual([]);
    expect(slack.state.refusals).toEqual([]);
  });

  it('is never aborted by a slip: the modal wants its name, and says what was wrong', async () => {
    await world.openOutbox();
    await world.openReceiver();
    const { slack, log, seen } = world;
    log.push('PG-1', begun);
    const board = await seen((one) => buttons(one).includes('run:abort'));
    await slack.human.click('admin', board.ts, 'run:abort');
    const modal = await slack.waitForView((view) => view.openedBy === 'U0ADMIN');
    const wrong = await slack.human.submit('admin', modal.id, { typed: 'PG-2', reason: 'enough' });
    expect(wrong).toMatchObject({ payload: { errors: { typed: 'Type PG-1, the name of the run.' } } });
    await slack.human.submit('admin', modal.id, { typed: 'pg-1', reason: 'enough' });
    await seen((one) => one.threadTs === board.ts && one.text.includes('asked to abort'));
  });
});

describe('sessions in the way of the write stop', () => {
  it('are disconnected by an operator who was shown them, not by a viewer, and the thread says who they were', async () => {
    await world.openOutbox();
    await world.openReceiver();
    const { slack, log, seen } = world;
    log.push('PG-1', begun, ...doneFacts('preflight'), hindered());
    const failure = await seen((one) => buttons(one).includes('run:disconnect') && one.threadTs !== undefined);
    await slack.human.click('tech lead', failure.ts, 'run:disconnect');
    expect((await seen((one) => one.ephemeral === 'U0LEAD')).text).toContain('can disconnect sessions; nothing was changed');
    await slack.human.click('operator', failure.ts, 'run:disconnect');
    const form = await slack.waitForView((view) => view.openedBy === 'U0OPERATOR');
    expect(JSON.stringify(form.blocks)).toContain(nightly.who);
    await slack.human.submit('operator', form.id, {});
    await seen((one) => one.ephemeral === 'U0OPERATOR' && one.text.includes('has these disconnected'));
    await seen((one) => one.ts === failure.ts && shown(one).includes('asked to disconnect 2 sessions'));
    expect((await log.read('PG-1')).at(-1)).toMatchObject({ type: 'retry.requested', by: 'U0OPERATOR', disconnect: [nightly, someone] });
    // As the worker writes it.
    log.push('PG-1', { type: 'sessions.disconnected', step: 'approve-cutover', by: 'U0OPERATOR', ended: [nightly.who], left: [] });
    const told = await seen((one) => one.threadTs === failure.threadTs && one.text.includes('*Disconnected* for <@U0OPERATOR>'));
    expect(shown(told)).toContain(nightly.who);
    expect(slack.state.refusals).toEqual([]);
  });
});

describe('every click and word is answered', () => {
  it('to people of another workspace, in another channel, on an old button, with a typing error', async () => {
    await world.openOutbox();
    await world.openReceiver();
    const { slack, log, seen } = world;
    log.push('PG-1', begun, question());
    const card = await seen((one) => buttons(one).includes('gate:approve'));
    await slack.human.click('outsider', card.ts, 'gate:approve', { confirm: true });
    await seen((one) => one.ephemeral === 'U0OUTSIDER' && one.text.includes('actor.other-workspace'));
    await slack.human.command('operator', '/pgupgrade staus');
    await seen((one) => one.ephemeral === 'U0OPERATOR' && one.text.includes('Did you mean `status`?'));
    await slack.human.command('operator', '/pgupgrade status', { channel: 'other' });
    await seen((one) => one.ephemeral === 'U0OPERATOR' && one.text.includes('channel.not-served'));
    expect((await log.read('PG-1')).length).toBe(2);
  });

  it('without what the process knows to be secret, however it came into the answer', async () => {
    const secret = 'bare-words-of-redis';
    const unused = () => Promise.reject(new Error('not this'));
    const command = () => Promise.reject(new Refused('redis.away', `Redis refuses ${secret}.`));
    await world.openReceiver({ mask: [secret], handlers: { command, button: unused, submit: unused, problems: () => ({}) } });
    await world.slack.human.command('operator', '/pgupgrade status');
    const told = await world.seen((one) => one.ephemeral === 'U0OPERATOR' && one.text.includes('redis.away'));
    expect(told.text).toContain('Redis refuses •••.');
  });

  it('while Slack refreshes both sockets one after the other', async () => {
    await world.openReceiver();
    await world.slack.waitForSockets(2);
    const typed = Array.from({ length: 20 }, (_, i) => world.slack.human.command('operator', `/pgupgrade nothing-${i}`));
    await world.slack.refreshSockets();
    const answers = await Promise.all([...typed, world.slack.human.command('operator', '/pgupgrade help')]);
    expect(answers.filter((answer) => !answer.ok)).toEqual([]);
    await world.seen(
      (one) => one.text.includes('/pgupgrade start <environment>') || one.text.includes('/pgupgrade start &lt;environment&gt;'),
    );
  });

  it('by signed HTTP as by Socket Mode', async () => {
    const port = await freePort();
    await world.openReceiver({ mode: { kind: 'http', signingSecret: 'sandbox-secret', port } });
    world.slack.setRequestUrl(`http://127.0.0.1:${port}/slack/events`);
    expect(await world.slack.human.command('operator', '/pgupgrade whoami')).toMatchObject({ ok: true });
    await world.seen((one) => one.ephemeral === 'U0OPERATOR' && one.text.includes('operator'));
  });
});

describe('a request that nobody of Slack sent', () => {
  it('by HTTP is turned away for a bad signature or an old time, and one that is sent again does nothing again', async () => {
    const port = await freePort();
    await world.openReceiver({ mode: { kind: 'http', signingSecret: 'sandbox-secret', port } });
    const send = async (secret: string, at: number, trigger: string) => {
      const body = new URLSearchParams({
        command: '/pgupgrade',
        text: 'start staging',
        trigger_id: trigger,
        user_id: 'U0OPERATOR',
        team_id: 'T0SANDBOX',
        channel_id: 'C0MIGRATION',
        response_url: `${world.slackApiUrl.replace('/api/', '')}/actions/none`,
      }).toString();
      const signature = `v0=${createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex')}`;
      const headers = {
        'content-type': 'application/x-www-form-urlencoded',
        'x-slack-request-timestamp': String(at),
        'x-slack-signature': signature,
      };
      return (await fetch(`http://127.0.0.1:${port}/slack/events`, { method: 'POST', body, headers })).status;
    };
    const now = Math.floor(Date.now() / 1_000);
    expect(await send('another-secret', now, 't1')).toBe(401);
    expect(await send('sandbox-secret', now - 360, 't1')).toBe(401);
    expect(await world.log.runs()).toEqual([]);
    expect(await send('sandbox-secret', now, 't1')).toBe(200);
    await world.seen((one) => one.ephemeral === 'U0OPERATOR' && one.text.startsWith('PG-1 is started'));
    expect(await send('sandbox-secret', now, 't1')).toBe(200);
    await world.seen((one) => one.ephemeral === 'U0OPERATOR' && one.text.includes('request.repeated'));
    expect(await world.log.read('PG-1')).toHaveLength(1);
  });
});

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('starting where the bot was not invited', () => {
  it('is refused with what to type, before anything is begun', async () => {
    await world.close();
    world = await channelWorld(redis.url, { channels: [{ id: 'C0MIGRATION', name: 'pg-migrations', botIsMember: false }] });
    await world.openReceiver();
    await world.slack.human.command('operator', '/pgupgrade start staging');
    expect((await world.seen((one) => one.ephemeral === 'U0OPERATOR')).text).toContain('/invite @pgupgrade');
    expect(await world.log.runs()).toEqual([]);
  });
});
