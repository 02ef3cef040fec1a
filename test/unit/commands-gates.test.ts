import { describe, expect, it } from 'vitest';
import { createHandlers } from '../../src/commands/handlers.ts';
import { runVerbFromTerminal } from '../../src/commands/terminal.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { fold } from '../../src/engine/fold.ts';
import { Refused } from '../../src/errors.ts';
import { commandsContext, opened, refusal, say } from '../support/commands-context.ts';
import { begun, doneFacts, gateFact, smallShape } from '../support/slack-runs.ts';

type World = Awaited<ReturnType<typeof commandsContext>>;
const value = 'PG-1:approve-cutover:n-approve-cutover';

async function asking(environment = 'staging', ...more: readonly FactBody[]) {
  const world = await commandsContext();
  world.log.push('PG-1', { ...begun, environment } as FactBody, ...doneFacts('preflight'), gateFact('approve-cutover', ['do it']), ...more);
  return world;
}
const click = (world: World, id: string, action: string, button = value) =>
  createHandlers((who) => ({ ...world.as(who.actor.id), ...who })).button({
    actor: { id, via: 'slack' },
    channel: 'C0MIGRATION',
    action,
    value: button,
  });
const facts = async (world: World, type: string) => (await world.log.read('PG-1')).filter((fact) => fact.type === type);

describe('a hundred clicks at once', () => {
  it('on one gate give one decision, and each of the others its answer', async () => {
    const world = await asking();
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, at) => click(world, at % 2 ? 'U0APPROVER' : 'U0SECOND', 'gate:approve')),
    );
    expect(results.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    expect(await facts(world, 'gate.decided')).toHaveLength(1);
    expect(await facts(world, 'vote.cast')).toHaveLength(1);
    const answers = results.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(
      answers.every((one) => one instanceof Refused && one.code === 'gate.decided' && one.message.includes('already approved by')),
    ).toBe(true);
  });
  it('of which one rejects, end in one decision, whichever came first', async () => {
    const world = await asking('production');
    const { submit } = createHandlers((who) => ({ ...world.as(who.actor.id), ...who }));
    const reject = () =>
      submit({ actor: { id: 'U0SECOND', via: 'slack' }, channel: 'C0MIGRATION', action: 'gate:reject', value, values: { reason: 'no' } });
    await Promise.allSettled([
      ...Array.from({ length: 50 }, () => click(world, 'U0APPROVER', 'gate:approve')),
      ...Array.from({ length: 50 }, reject),
    ]);
    expect(await facts(world, 'gate.decided')).toMatchObject([{ decision: 'rejected', by: ['U0SECOND'] }]);
  });
});

describe('typed approval', () => {
  it('shows the question with its plan first, and its form approves exactly that', async () => {
    const world = await asking();
    const modal = await opened(world.as('U0APPROVER'), 'approve');
    expect(JSON.stringify(modal.blocks)).toContain('do it');
    expect(await facts(world, 'vote.cast')).toEqual([]);
    world.log.push('PG-1', gateFact('approve-cutover', ['do more'], { nonce: 'newer' }));
    const meta = JSON.parse(modal.private_metadata ?? '');
    const { submit } = createHandlers((who) => ({ ...world.as(who.actor.id), ...who }));
    const send = () =>
      submit({ actor: { id: 'U0APPROVER', via: 'slack' }, channel: meta.channel, action: meta.action, value: meta.value, values: {} });
    expect(await refusal(send())).toContain('gate.stale');
  });
  it('in a terminal names the question that was read', async () => {
    const world = await asking();
    const { channel: _channel, ...terminal } = world.as('U0APPROVER', { actor: { id: 'U0APPROVER', via: 'terminal' } });
    const read = await runVerbFromTerminal(terminal, ['approve', 'PG-1']);
    expect(read.text).toContain('do it');
    expect(read.text).toContain('npx pgupgrade approve PG-1 --question=n-approve-cutover');
    expect(await facts(world, 'vote.cast')).toEqual([]);
    expect(await runVerbFromTerminal(terminal, ['approve', 'PG-1', '--question=old'])).toMatchObject({ exitCode: 1 });
    expect(await runVerbFromTerminal(terminal, ['approve', 'PG-1', '--question=n-approve-cutover'])).toMatchObject({ exitCode: 0 });
    expect(await facts(world, 'gate.decided')).toHaveLength(1);
  });
});

describe('whoever wants the run', () => {
  const inBoth = (world: World) => ({
    ...world.service,
    people: { ...world.service.people, approver: ['U0OPERATOR', 'U0ADMIN', 'U0APPROVER'] },
  });
  it('does not become independent by handing it over, and neither does the one who takes it', async () => {
    const world = await asking('production');
    const services = new Map([['inapp', inBoth(world)]]);
    const press = (id: string) =>
      createHandlers((who) => ({ ...world.as(who.actor.id, { services }), ...who })).button({
        actor: { id, via: 'slack' },
        channel: 'C0MIGRATION',
        action: 'gate:approve',
        value,
      });
    await say(world.as('U0OPERATOR', { services }), 'handoff <@U0ADMIN|admin>');
    expect(fold(await world.log.read('PG-1'), smallShape).operator).toBe('U0ADMIN');
    expect(await refusal(press('U0OPERATOR'))).toMatch(
      /^gate\.requester: You asked for this run.* Ask <@U0OPERATOR>, <@U0ADMIN> and <@U0APPROVER>\./,
    );
    expect(await refusal(press('U0ADMIN'))).toContain('gate.requester: You carry this run');
    expect(await facts(world, 'vote.cast')).toEqual([]);
    await press('U0APPROVER');
    expect(await facts(world, 'vote.cast')).toHaveLength(1);
  });
  it('hands it only to an operator, and says who is one', async () => {
    const world = await asking();
    expect(await refusal(say(world.as('U0OPERATOR'), 'handoff <@U0SECOND>'))).toMatch(
      /handoff\.not-an-operator: <@U0SECOND> is no operator.*S0OPERATORS/,
    );
    expect(await refusal(say(world.as('U0OPERATOR'), 'handoff'))).toContain('handoff.nobody');
    expect(await refusal(say(world.as('U0APPROVER'), 'handoff <@U0ADMIN>'))).toContain('actor.not-allowed');
    expect(await facts(world, 'run.handed-over')).toEqual([]);
  });
  it('counts where the environment says so, unless the gate says otherwise', async () => {
    const world = await asking('staging', gateFact('enable-replication-flags', ['restart'], { nonce: 'n1' }));
    const own = (requesterMayApprove: boolean) => {
      const { staging, ...others } = world.service.environments;
      if (!staging) throw new Error('the service file has no staging');
      const service = { ...inBoth(world), environments: { ...others, staging: { ...staging, requesterMayApprove } } };
      return createHandlers((who) => ({ ...world.as(who.actor.id, { services: new Map([['inapp', service]]) }), ...who })).button({
        actor: { id: 'U0OPERATOR', via: 'slack' },
        channel: 'C0MIGRATION',
        action: 'gate:approve',
        value: 'PG-1:enable-replication-flags:n1',
      });
    };
    expect(await refusal(own(false))).toContain('gate.requester');
    await own(true);
    expect(await facts(world, 'gate.decided')).toHaveLength(1);
  });
});

describe('an open question', () => {
  it('is looked at again by whoever may decide it or operates the run, and takes no votes meanwhile', async () => {
    const world = await asking();
    expect(await refusal(click(world, 'U0LEAD', 'gate:recheck'))).toContain('actor.not-allowed');
    await click(world, 'U0APPROVER', 'gate:recheck');
    expect(world.advanced).toEqual(['PG-1']);
    expect(await refusal(click(world, 'U0SECOND', 'gate:approve'))).toContain('gate.rechecked');
    expect(fold(await world.log.read('PG-1'), smallShape)).toMatchObject({ status: 'running', current: 'enable-replication-flags' });
  });
  it('gives a vote back by its button until the last one', async () => {
    const world = await asking('production');
    await click(world, 'U0APPROVER', 'gate:approve');
    expect(await refusal(click(world, 'U0SECOND', 'gate:withdraw'))).toContain('gate.no-vote');
    await click(world, 'U0APPROVER', 'gate:withdraw');
    await click(world, 'U0SECOND', 'gate:approve');
    expect(await facts(world, 'gate.decided')).toEqual([]);
    await click(world, 'U0APPROVER', 'gate:approve');
    expect(await refusal(click(world, 'U0APPROVER', 'gate:withdraw'))).toContain('gate.decided');
  });
});
