import { describe, expect, it } from 'vitest';
import { createHandlers } from '../../src/commands/handlers.ts';
import { runVerbFromTerminal } from '../../src/commands/terminal.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { commandsContext, opened, refusal, say } from '../support/commands-context.ts';
import { hindered, nightly, someone } from '../support/hindered.ts';
import { begun, doneFacts, firstAt } from '../support/slack-runs.ts';

type World = Awaited<ReturnType<typeof commandsContext>>;
async function stopped(...more: readonly FactBody[]): Promise<World> {
  const world = await commandsContext();
  world.log.push('PG-1', begun, ...doneFacts('preflight'), hindered(), ...more);
  return world;
}
const press = (world: World) => createHandlers((who) => ({ ...world.as(who.actor.id), ...who }));
const button = (id: string, value = `PG-1:approve-cutover:${firstAt}`) => ({
  actor: { id, via: 'slack' as const },
  channel: 'C0MIGRATION',
  action: 'run:disconnect',
  value,
});
const retried = async (world: World) => (await world.log.read('PG-1')).filter((fact) => fact.type === 'retry.requested');

describe('the button Disconnect', () => {
  /** What the button opens, as it is sent. */
  const form = async (world: World, id = 'U0OPERATOR') => {
    const answer = await press(world).button(button(id));
    if (!('modal' in answer)) throw new Error(`no form: ${answer.text}`);
    const { action, value, channel } = JSON.parse(answer.modal.private_metadata ?? '{}');
    return { modal: answer.modal, sent: { actor: { id, via: 'slack' as const }, action, value, channel, values: {} } };
  };

  it('shows exactly who would be ended, and ends nobody', async () => {
    const world = await stopped();
    const { modal } = await form(world);
    const words = JSON.stringify(modal.blocks);
    expect(words).toContain(nightly.who);
    expect(words).toContain(someone.who);
    expect(modal.submit?.text).toBe('Disconnect');
    expect(await retried(world)).toEqual([]);
  });
  it('confirmed, has exactly those ended and the step tried again, in one fact with a name', async () => {
    const world = await stopped();
    const { sent } = await form(world);
    expect(press(world).problems(sent)).toEqual({});
    await press(world).submit(sent);
    expect((await world.log.read('PG-1')).at(-1)).toMatchObject({
      type: 'retry.requested',
      step: 'approve-cutover',
      by: 'U0OPERATOR',
      disconnect: [nightly, someone],
    });
    expect(world.advanced).toEqual(['PG-1']);
  });
  it('confirmed twice, does it once', async () => {
    const world = await stopped();
    const { sent } = await form(world);
    const results = await Promise.allSettled([press(world).submit(sent), press(world).submit(sent)]);
    expect(results.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await retried(world)).toHaveLength(1);
  });
  it('of a message that is not the newest failure ends nobody, although the same pid is in the way', async () => {
    let now = firstAt;
    const world = await commandsContext(() => now);
    world.log.push('PG-1', begun, ...doneFacts('preflight'), hindered([nightly]));
    const { sent } = await form(world);
    now += 60_000;
    world.log.push('PG-1', { type: 'retry.requested', step: 'approve-cutover', by: 'U0ADMIN' });
    world.log.push('PG-1', hindered([{ ...nightly, startedAt: nightly.startedAt + 1 }]));
    expect(await refusal(press(world).submit(sent))).toMatch(/^disconnect\.stale: PG-1 has looked again since.*nobody was disconnected/);
    expect(await refusal(press(world).button(button('U0OPERATOR')))).toContain('disconnect.stale');
    expect(await refusal(press(world).button(button('U0OPERATOR', 'PG-1:approve-cutover')))).toContain('disconnect.stale');
    expect((await retried(world)).filter((fact) => fact.disconnect !== undefined)).toEqual([]);
  });
});

describe('who may disconnect', () => {
  it.each(['U0OUTSIDER', 'U0APPROVER', 'U0LEAD'])('not %s, who is shown nobody either', async (id) => {
    const world = await stopped();
    expect(await refusal(press(world).button(button(id)))).toMatch(
      /^actor\.not-allowed: Only .* can disconnect sessions; nothing was changed/,
    );
    const sent = { ...button(id), action: 'disconnect:these', value: `PG-1:approve-cutover:${firstAt}:${nightly.pid}`, values: {} };
    expect(await refusal(press(world).submit(sent))).toContain('actor.not-allowed');
    for (const text of ['disconnect', `disconnect PG-1 ${nightly.pid}`])
      expect(await refusal(say(world.as(id), text))).toContain('actor.not-allowed');
    expect(await retried(world)).toEqual([]);
  });
  it('an operator and an admin', async () => {
    for (const id of ['U0OPERATOR', 'U0ADMIN']) {
      const world = await stopped();
      expect((await say(world.as(id), `disconnect PG-1 ${nightly.pid}`)).text).toContain(`<@${id}> has these disconnected`);
      expect(await retried(world)).toMatchObject([{ by: id, disconnect: [nightly] }]);
    }
  });
});

describe('disconnect, typed', () => {
  it('without a pid opens the form first, which ends what it shows', async () => {
    const world = await stopped();
    expect(JSON.stringify((await opened(world.as('U0OPERATOR'), 'disconnect')).blocks)).toContain(nightly.who);
    expect(await retried(world)).toEqual([]);
  });
  it('in a terminal without a pid lists who is in the way and the line that ends them', async () => {
    const world = await stopped();
    const { channel: _channel, ...context } = world.as('U0OPERATOR', { actor: { id: 'U0OPERATOR', via: 'terminal' } });
    const listed = await runVerbFromTerminal(context, ['disconnect']);
    expect(listed).toMatchObject({ exitCode: 0, text: expect.stringContaining(someone.who) });
    const [, line = ''] = /npx pgupgrade (.*)$/.exec(listed.text) ?? [];
    expect(await retried(world)).toEqual([]);
    expect(await runVerbFromTerminal(context, line.split(' '))).toMatchObject({ exitCode: 0 });
    expect(await retried(world)).toMatchObject([{ disconnect: [nightly, someone] }]);
  });
  it.each([
    ['disconnect 99', 'disconnect.not-shown: The failure of PG-1 shows no session with pid 99, so nobody was disconnected'],
    [`disconnect PG-1 ${nightly.pid} 99`, 'disconnect.not-shown'],
    ['disconnect PG-1 everybody', 'disconnect.no-pid: “everybody” is no process id'],
    ['disconnect PG-1 -4711', 'disconnect.no-pid'],
    ['disconnect PG-1 --all', 'flag.unknown'],
    ['disconnect PG-9', 'run.unknown'],
  ])('“%s” is refused and changes nothing', async (text, why) => {
    const world = await stopped();
    const before = world.picture();
    expect(await refusal(say(world.as('U0OPERATOR'), text))).toContain(why);
    expect(world.picture()).toBe(before);
  });
  it('is refused where no session is in the way, nothing has stopped, or the run is paused', async () => {
    const world = await commandsContext();
    world.log.push('PG-1', begun, ...doneFacts('preflight'));
    expect(await refusal(say(world.as('U0OPERATOR'), 'disconnect'))).toContain('run.not-blocked');
    world.log.push('PG-1', hindered([]));
    expect(await refusal(say(world.as('U0OPERATOR'), 'disconnect'))).toMatch(
      /^disconnect\.no-session: No session keeps approve-cutover .*cutover\.open-transactions.*then retry/,
    );
    const paused = await stopped({ type: 'pause.requested', by: 'U0ADMIN', reason: 'lunch' });
    expect(await refusal(say(paused.as('U0OPERATOR'), `disconnect PG-1 ${nightly.pid}`))).toMatch(
      /^run\.not-blocked: PG-1 is paused, so nobody was disconnected/,
    );
  });
});
