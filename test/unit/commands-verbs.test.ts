import { describe, expect, it } from 'vitest';
import { createHandlers } from '../../src/commands/handlers.ts';
import { runVerbFromTerminal } from '../../src/commands/terminal.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { createDirectory } from '../../src/slack/directory.ts';
import { commandsContext, refusal, say } from '../support/commands-context.ts';
import { begun, doneFacts, firstAt, gateFact } from '../support/slack-runs.ts';

const types = async (world: Awaited<ReturnType<typeof commandsContext>>, run = 'PG-1') =>
  (await world.log.read(run)).map((fact) => fact.type);
const blocked: FactBody = {
  type: 'step.blocked',
  step: 'hold-schema-changes',
  code: 'x.y',
  reason: 'r',
  remedy: 'r',
  fate: 'human',
  undoing: false,
};
const press = (world: Awaited<ReturnType<typeof commandsContext>>) => createHandlers((who) => ({ ...world.as(who.actor.id), ...who }));
const button = (id: string, action: string, value: string) => ({
  actor: { id, via: 'slack' as const },
  channel: 'C0MIGRATION',
  action,
  value,
});

describe('a question', () => {
  const asked = async (gate = 'approve-cutover', environment = 'staging') => {
    const world = await commandsContext();
    world.log.push('PG-1', { ...begun, environment } as FactBody, ...doneFacts('preflight'), gateFact(gate, ['do it']));
    return world;
  };
  const value = 'PG-1:approve-cutover:n-approve-cutover';

  it('of production takes two different people and never the requester, whose group or not', async () => {
    const world = await asked('approve-cutover', 'production');
    const { button: click } = press(world);
    await click(button('U0APPROVER', 'gate:approve', value));
    expect(await refusal(click(button('U0APPROVER', 'gate:approve', value)))).toContain('gate.already-voted');
    expect(await refusal(click(button('U0OPERATOR', 'gate:approve', value)))).toContain('gate.not-the-role');
    expect(await refusal(click(button('U0LEAD', 'gate:approve', value)))).toContain('gate.not-the-role');
    expect(await types(world)).not.toContain('gate.decided');
    await click(button('U0SECOND', 'gate:approve', value));
    expect((await types(world)).filter((type) => type === 'gate.decided')).toHaveLength(1);
    expect(world.advanced).toEqual(['PG-1', 'PG-1']);
  });
  it('is decided once when two people press at the same moment', async () => {
    const world = await asked();
    const { button: click } = press(world);
    const results = await Promise.allSettled(['U0APPROVER', 'U0SECOND'].map((id) => click(button(id, 'gate:approve', value))));
    expect(results.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(world.log.stale()).toBeGreaterThan(0);
    expect((await types(world)).filter((type) => type === 'gate.decided')).toHaveLength(1);
    const lost = results.find((one) => one.status === 'rejected');
    expect(lost?.status === 'rejected' && String(lost.reason)).toContain('already approved by <@U0');
  });
  it('counts both when two must approve and press at the same moment', async () => {
    const world = await asked('approve-cutover', 'production');
    const { button: click } = press(world);
    await Promise.all(['U0APPROVER', 'U0SECOND'].map((id) => click(button(id, 'gate:approve', value))));
    const decided = (await world.log.read('PG-1')).find((fact) => fact.type === 'gate.decided');
    expect(decided?.type === 'gate.decided' && [...decided.by].sort()).toEqual(['U0APPROVER', 'U0SECOND']);
  });
  it('is not decided by the button of an older question', async () => {
    const world = await asked();
    world.log.push('PG-1', gateFact('approve-cutover', ['do more'], { nonce: 'newer' }));
    expect(await refusal(press(world).button(button('U0APPROVER', 'gate:approve', value)))).toContain('gate.stale');
  });
  it('of an undo keeps its name with a colon', async () => {
    const world = await commandsContext();
    world.log.push('PG-1', begun, gateFact('undo:enable-replication-flags', ['restart'], { nonce: 'n1' }));
    await press(world).button(button('U0APPROVER', 'gate:approve', 'PG-1:undo:enable-replication-flags:n1'));
    expect(await types(world)).toContain('gate.decided');
  });
  it('is rejected with a reason, which the modal asks for', async () => {
    const world = await asked();
    const handlers = press(world);
    const opened = await handlers.button(button('U0APPROVER', 'gate:reject', value));
    expect(opened).toMatchObject({ modal: { callback_id: 'gate:reject', blocks: [{}, { block_id: 'reason' }] } });
    expect(handlers.problems({ ...button('U0APPROVER', 'gate:reject', value), values: { reason: '' } })).toEqual({
      reason: 'Please fill this in.',
    });
    await handlers.submit({ ...button('U0APPROVER', 'gate:reject', value), values: { reason: 'not on a Friday' } });
    const decided = (await world.log.read('PG-1')).find((fact) => fact.type === 'gate.decided');
    expect(decided).toMatchObject({ decision: 'rejected', reason: 'not on a Friday', by: ['U0APPROVER'] });
  });
  it('that expired is asked again by an operator', async () => {
    const world = await asked();
    world.log.push('PG-1', { type: 'gate.expired', gate: 'approve-cutover', nonce: 'n-approve-cutover' });
    expect(await refusal(press(world).button(button('U0APPROVER', 'gate:approve', value)))).toContain('gate.expired');
    await press(world).button(button('U0OPERATOR', 'gate:again', value));
    expect(await types(world)).toContain('retry.requested');
  });
  it('may be answered by typing, when one run is open here', async () => {
    const world = await asked();
    expect((await say(world.as('U0APPROVER'), 'approve --question=n-approve-cutover')).text).toContain('approved');
    expect(await refusal(say(world.as('U0APPROVER'), 'approve'))).toContain('gate.not-open');
  });
});

describe('a run that stopped', () => {
  const stopped = async () => {
    const world = await commandsContext();
    world.log.push('PG-1', begun, ...doneFacts('preflight'), blocked);
    return world;
  };
  it('is retried by an operator, once, even when pressed twice at once', async () => {
    const world = await stopped();
    const results = await Promise.allSettled(
      [1, 2].map(() => press(world).button(button('U0OPERATOR', 'run:retry', 'PG-1:hold-schema-changes'))),
    );
    expect(results.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await types(world)).filter((type) => type === 'retry.requested')).toHaveLength(1);
  });
  it('is not retried by the button of another step', async () => {
    const world = await stopped();
    expect(await refusal(press(world).button(button('U0OPERATOR', 'run:retry', 'PG-1:preflight')))).toContain('run.other-step');
  });
  it('skips only with an approver and a reason', async () => {
    const world = await stopped();
    expect(await refusal(say(world.as('U0OPERATOR'), 'skip hold-schema-changes “later”'))).toContain('actor.not-allowed');
    expect(await refusal(say(world.as('U0APPROVER'), 'skip hold-schema-changes'))).toContain('skip.reason-missing');
    await say(world.as('U0APPROVER'), 'skip PG-1 hold-schema-changes “we did it by hand”');
    expect((await world.log.read('PG-1')).at(-1)).toMatchObject({ type: 'step.skipped', by: 'U0APPROVER', reason: 'we did it by hand' });
  });
  it('is aborted only by its name and with a reason, and not after the promotion was called', async () => {
    const world = await stopped();
    expect(await refusal(say(world.as('U0OPERATOR'), 'abort "no"'))).toContain('abort.unnamed');
    expect(await refusal(say(world.as('U0OPERATOR'), 'abort PG-1'))).toContain('abort.reason-missing');
    const handlers = press(world);
    const typed = { ...button('U0OPERATOR', 'run:abort', 'PG-1'), values: { typed: 'PG-2', reason: 'enough' } };
    expect(handlers.problems(typed)).toEqual({ typed: 'Type PG-1, the name of the run.' });
    world.log.push('PG-1', { type: 'promotion.called' });
    expect(await refusal(handlers.submit(typed))).toContain('run.irreversible');
    world.log.push('PG-1', { type: 'promotion.refused', reason: 'x' });
    await handlers.submit(typed);
    expect((await world.log.read('PG-1')).at(-1)).toMatchObject({ type: 'abort.requested', reason: 'enough' });
  });
});

describe('what a verb does not know', () => {
  it.each([
    ['start staging --too=17', 'flag.unknown: `start` has no flag `--too`. Did you mean `--to`?'],
    ['start staging --to', 'flag.value-missing: `--to` needs a value'],
    ['start inapp staging now', 'words.too-many: `start` does not know “now”'],
    ['approve PG-1 --nonce=n-approve-cutover', 'flag.unknown: `approve` has no flag `--nonce`. It has `--question`.'],
    ['pause produktion', 'environment.unknown: There is no environment “produktion”; did you mean `production`?'],
    ['pause production', 'run.none: No run of production is unfinished'],
    ['help statsu', 'verb.unknown: There is no verb “statsu”. Did you mean `status`?'],
  ])('%s is refused before anything is done', async (text, why) => {
    const world = await commandsContext();
    world.log.push('PG-1', begun, gateFact('approve-cutover', ['do it']));
    const before = world.picture();
    expect(await refusal(say(world.as('U0ADMIN'), text))).toContain(why);
    expect(world.picture()).toBe(before);
  });
  it('help of one verb says who may use it, by service', async () => {
    const world = await commandsContext();
    expect((await say(world.as('U0OUTSIDER'), 'help Start')).text).toContain('inapp: <!subteam^S0OPERATORS> and <@U0ADMIN>');
  });
});

describe('other verbs', () => {
  it('pause, resume, note and done write their fact with the person’s name', async () => {
    const world = await commandsContext();
    world.log.push('PG-1', begun, { type: 'task.asked', step: 'hold-schema-changes', what: ['x'], verifiedBy: 'y', expects: 'a link' });
    const { as } = world;
    expect(await refusal(say(as('U0OPERATOR'), 'done'))).toContain('task.answer-missing');
    await press(world).submit({
      ...button('U0OPERATOR', 'task:answer', 'PG-1:hold-schema-changes'),
      values: { answer: 'https://example.org/pull/1' },
    });
    await say(as('U0OPERATOR'), 'pause "lunch"');
    await say(as('U0OPERATOR'), 'resume PG-1');
    await say(as('U0LEAD'), 'note “all well”');
    expect((await world.log.read('PG-1')).slice(-4)).toMatchObject([
      { type: 'task.done', by: 'U0OPERATOR', answer: 'https://example.org/pull/1' },
      { type: 'pause.requested', by: 'U0OPERATOR', reason: 'lunch' },
      { type: 'run.resumed' },
      { type: 'note', by: 'U0LEAD', text: 'all well' },
    ]);
  });
  it('name the choices when several runs are open', async () => {
    const world = await commandsContext();
    world.log.push('PG-1', begun);
    world.log.push('PG-2', { ...begun, run: 'PG-2', environment: 'production' } as FactBody);
    expect(await refusal(say(world.as('U0OPERATOR'), 'pause'))).toMatch(
      /run\.which: Which one\? PG-2 \(inapp production\), PG-1 \(inapp staging\)/,
    );
    await say(world.as('U0OPERATOR'), 'pause production');
    expect(await types(world, 'PG-2')).toContain('pause.requested');
    expect(await refusal(say(world.as('U0OPERATOR'), 'pause PG-9'))).toContain('run.unknown');
  });
  it('status and plan answer the asker and write nothing', async () => {
    const world = await commandsContext();
    world.log.push('PG-1', begun, ...doneFacts('preflight'));
    expect((await say(world.as('U0OUTSIDER'), 'status')).text).toContain('1 of 9 steps done');
    const planned = await say(world.as('U0OUTSIDER'), 'plan staging');
    expect(planned.text).toContain('Nothing was changed.');
    expect(JSON.stringify(planned)).toContain('No upgrade of these versions has finished yet');
    expect(await types(world)).toHaveLength(3);
  });
  it('unknown ones are answered with the nearest; help shows what one’s roles allow', async () => {
    const world = await commandsContext();
    expect(await refusal(say(world.as('U0OPERATOR'), 'staus'))).toContain('Did you mean `status`?');
    for (const verb of ['start', 'approve', 'reject'])
      expect((await say(world.as('U0OUTSIDER'), 'help')).text).not.toContain(`/pgupgrade ${verb}`);
    expect((await say(world.as('U0APPROVER'), 'help')).text).toContain('/pgupgrade approve');
    expect((await say(world.as('U0OPERATOR'), '')).text).toContain('/pgupgrade start <environment>');
    expect(await refusal(press(world).button(button('U0OPERATOR', 'old:thing', 'PG-1')))).toContain('button.unknown');
  });
});

describe('a terminal', () => {
  const terminal = (world: Awaited<ReturnType<typeof commandsContext>>, id: string) => {
    const { channel: _channel, ...context } = world.as(id, { actor: { id, via: 'terminal' } });
    return context;
  };
  it('has only the rights that the service file gives its name, and tells in words and exit codes', async () => {
    const world = await commandsContext();
    const refused = await runVerbFromTerminal(terminal(world, 'terminal:root'), ['start', 'staging']);
    expect(refused).toMatchObject({ exitCode: 1, text: expect.stringContaining('Only @S0OPERATORS and U0ADMIN can start') });
    expect(await runVerbFromTerminal(terminal(world, 'U0ADMIN'), ['start', 'staging'])).toMatchObject({ exitCode: 0 });
    const status = await runVerbFromTerminal(terminal(world, 'terminal:root'), ['status', 'PG-1']);
    expect(status.text).toContain('⚪ Preflight');
    expect(status.text).not.toMatch(/<|\*/);
  });
});

describe('roles', () => {
  it('fail closed when a group cannot be read, and the refusal says why', async () => {
    const world = await commandsContext(() => firstAt);
    const directory = createDirectory(undefined);
    const message = await refusal(say(world.as('U0OPERATOR', { directory }), 'start staging'));
    expect(message).toMatch(/actor\.not-allowed.*Slack did not tell who is in S0/);
    expect((await directory.roles('U0ADMIN', world.service.people)).has('admin')).toBe(true);
  });
  it('are asked of Slack at most once a minute', async () => {
    let asked = 0;
    let now = 0;
    const web = { usergroups: { users: { list: async () => ({ ok: true, users: [++asked === 1 ? 'U0ANA' : 'U0BO'] }) } } };
    const directory = createDirectory(web, { now: () => now });
    const is = async (id: string) => (await directory.roles(id, { operator: ['S0OPERATORS'] })).has('operator');
    expect([await is('U0ANA'), await is('U0BO'), asked]).toEqual([true, false, 1]);
    now = 60_000;
    expect([await is('U0ANA'), await is('U0BO'), asked]).toEqual([false, true, 2]);
  });
});
