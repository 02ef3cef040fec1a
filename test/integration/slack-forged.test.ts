import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { createServer as createSocket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSlack, type Slack } from '../../sandbox/slack/slack.ts';
import { TEAM } from '../../sandbox/slack/workspace.ts';
import { createHandlers } from '../../src/commands/handlers.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { createDirectory } from '../../src/slack/directory.ts';
import { slackClients } from '../../src/slack/poster.ts';
import { type RunningReceiver, startReceiver } from '../../src/slack/receiver.ts';
import { commandsContext } from '../support/commands-context.ts';
import { PEOPLE } from '../support/slack-people.ts';
import { begun, doneFacts, gateFact } from '../support/slack-runs.ts';

const signingSecret = 'only-slack-knows';
const value = 'PG-1:approve-cutover:n-approve-cutover';
const people = PEOPLE.usergroups.map((group) => ({ ...group, users: [...group.users] }));

let world: Awaited<ReturnType<typeof commandsContext>>;
let slack: Slack;
let receiver: RunningReceiver;
let answers: Server;
let port = 0;
let skew = 0;
/** What the clicker was told, in order; and who waits for the next. */
let told: string[] = [];
let clicks = 0;
let heardIds = new Set<string>();
let heard: (() => void) | undefined;

const freePort = () =>
  new Promise<number>((resolve) => {
    const probe = createSocket();
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });

beforeEach(async () => {
  skew = 0;
  told = [];
  heardIds = new Set();
  world = await commandsContext();
  world.log.push(
    'PG-1',
    { ...begun, environment: 'production' } as FactBody,
    ...doneFacts('preflight'),
    gateFact('approve-cutover', ['do it']),
  );
  slack = createSlack({ ...PEOPLE, usergroups: people });
  const slackApiUrl = `${await slack.listen()}/api/`;
  const token = 'xoxb-sandbox';
  // The groups that Slack tells, kept for a minute of the test's clock.
  const directory = createDirectory(slackClients(token, slackApiUrl).posts, { now: () => Date.now() + skew });
  answers = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      told.push(String(JSON.parse(body).text));
      response.end('ok');
      heard?.();
    });
  });
  await new Promise<void>((resolve) => answers.listen(0, '127.0.0.1', resolve));
  port = await freePort();
  receiver = await startReceiver({
    token,
    slackApiUrl,
    mode: { kind: 'http', signingSecret, port },
    once: async (id) => !heardIds.has(id) && Boolean(heardIds.add(id)),
    handlers: createHandlers((who) => ({ ...world.as(who.actor.id, { directory }), ...who })),
    channels: () => new Set(['C0MIGRATION']),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
  });
});
afterEach(async () => {
  await receiver.close();
  await slack.close();
  await new Promise((resolve) => answers.close(resolve));
});

interface Forgery {
  readonly user?: string;
  readonly team?: string;
  readonly bot?: boolean;
  readonly action?: string;
  readonly button?: string;
  readonly channel?: string;
  /** Seconds that the request's own clock is behind. */
  readonly late?: number;
  readonly secret?: string;
  /** Slack's own number of the click; one that came before is a replay. */
  readonly trigger?: string;
}

/** A click as it comes over the wire. Gives the HTTP status, and what was answered to the clicker where it was taken. */
async function press(forgery: Forgery = {}): Promise<{ readonly status: number; readonly said: string }> {
  const address = answers.address();
  const payload = {
    type: 'block_actions',
    team: { id: forgery.team ?? TEAM.id, domain: 'x' },
    user: { id: forgery.user ?? 'U0APPROVER', team_id: forgery.team ?? TEAM.id, ...(forgery.bot ? { is_bot: true } : {}) },
    channel: { id: forgery.channel ?? 'C0MIGRATION', name: 'x' },
    container: { type: 'message' },
    trigger_id: forgery.trigger ?? `1.2.${++clicks}`,
    response_url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/answer`,
    actions: [
      { type: 'button', action_id: forgery.action ?? 'gate:approve', block_id: 'b', value: forgery.button ?? value, action_ts: '1' },
    ],
  };
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  const stamp = String(Math.floor(Date.now() / 1_000) - (forgery.late ?? 0));
  const signature = `v0=${createHmac('sha256', forgery.secret ?? signingSecret)
    .update(`v0:${stamp}:${body}`)
    .digest('hex')}`;
  const before = told.length;
  const answered = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const response = await fetch(`http://127.0.0.1:${port}/slack/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'x-slack-request-timestamp': stamp, 'x-slack-signature': signature },
    body,
  });
  if (response.ok) await answered;
  return { status: response.status, said: told.slice(before).join() };
}
const votes = async () =>
  (await world.log.read('PG-1')).filter(({ type }) => ['vote.cast', 'gate.decided', 'copy.restart-requested'].includes(type));

describe('a forged click', () => {
  it.each<readonly [string, Forgery]>([
    ['with a bad signature', { secret: 'a guess' }],
    ['with a timestamp of six minutes ago', { late: 360 }],
  ])('%s is turned away at the door', async (_name, forgery) => {
    expect((await press(forgery)).status).toBe(401);
    expect(await votes()).toEqual([]);
    expect(told).toEqual([]);
  });

  it.each<readonly [string, Forgery, RegExp]>([
    ['of another workspace', { team: 'T0ELSEWHERE' }, /Only people of this workspace.*\(actor\.other-workspace\)/],
    ['of a bot', { bot: true }, /Only people can use this bot.*\(actor\.not-a-person\)/],
    ['of Slack’s own bot', { user: 'USLACKBOT' }, /\(actor\.not-a-person\)/],
    ['from another channel', { channel: 'C0OTHER' }, /\(channel\.not-served\)/],
    ['of somebody without the role', { user: 'U0LEAD' }, /Ask <!subteam\^S0DBAS>\. \(gate\.not-the-role\)/],
    ['for a question of another number', { button: 'PG-1:approve-cutover:guessed' }, /\(gate\.stale\)/],
    ['for a gate that is not asked', { button: 'PG-1:remove-migration:n1' }, /\(gate\.not-open\)/],
    ['for a run that is not there', { button: 'PG-77:approve-cutover:n1' }, /\(run\.unknown\)/],
    ['of somebody without the role, who would restart the copy', { action: 'run:restart-copy', button: 'PG-1' }, /\(actor\.not-allowed\)/],
    ['for a copy that has not begun', { user: 'U0OPERATOR', action: 'run:restart-copy', button: 'PG-1' }, /\(copy\.not-begun\)/],
    ['on the form’s own name, without its words', { action: 'restart-copy:asked', button: 'PG-1' }, /\([a-z.-]+\)$/],
    ['on a button that no version has', { action: 'gate:force' }, /\(button\.unknown\)/],
    ['without any value', { button: '' }, /\([a-z.-]+\)$/],
  ])('%s changes nothing and is answered', async (_name, forgery, answer) => {
    const { status, said } = await press(forgery);
    expect(status).toBe(200);
    expect(said).toMatch(answer);
    expect(await votes()).toEqual([]);
  });

  it('that replays a real one, signature and all, is no second vote, also when the first was withdrawn', async () => {
    const real = { trigger: '1.2.real' };
    expect((await press(real)).said).toContain('approved');
    await press({ action: 'gate:withdraw' });
    const before = (await votes()).length;
    expect((await press(real)).said).toMatch(/heard once already.*\(request\.repeated\)/);
    expect(await votes()).toHaveLength(before);
  });

  it('that comes twice is one vote', async () => {
    expect((await press()).said).toContain('approved');
    expect((await press()).said).toMatch(
      /You have already approved approve-cutover; it waits for 1 more approval\. You may take it back until then\. \(gate\.already-voted\)/,
    );
    expect(await votes()).toHaveLength(1);
  });

  it('of the requester in a second session counts no more than in the first', async () => {
    const dbas = people.find(({ id }) => id === 'S0DBAS');
    dbas?.users.push('U0OPERATOR');
    const first = await press({ user: 'U0OPERATOR' });
    const second = await press({ user: 'U0OPERATOR' });
    dbas?.users.pop();
    for (const { said } of [first, second]) expect(said).toMatch(/You asked for this run.*\(gate\.requester\)/);
    expect(await votes()).toEqual([]);
  });

  it('of an approver who was removed 61 seconds ago changes nothing', async () => {
    const dbas = people.find(({ id }) => id === 'S0DBAS');
    const withdrawn = { action: 'gate:withdraw' };
    expect((await press()).said).toContain('approved');
    await press(withdrawn);
    const before = (await votes()).length;
    const kept = dbas?.users.splice(0) ?? [];
    skew = 61_000;
    const { said } = await press();
    dbas?.users.push(...kept);
    expect(said).toMatch(/Only people with the role approver decide.*\(gate\.not-the-role\)/);
    expect(await votes()).toHaveLength(before);
  });
});
