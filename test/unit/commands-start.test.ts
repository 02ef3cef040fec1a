import { describe, expect, it } from 'vitest';
import { createHandlers } from '../../src/commands/handlers.ts';
import { fold } from '../../src/engine/fold.ts';
import { commandsContext, opened, refusal, say } from '../support/commands-context.ts';
import { firstAt, smallShape } from '../support/slack-runs.ts';

describe('start', () => {
  it('writes the run’s first fact with its steps and queues the first move', async () => {
    const world = await commandsContext();
    const reply = await say(world.as('U0OPERATOR'), 'start staging');
    expect(reply.text).toContain('PG-1 is started: me-inapp-staging-pg15 → me-inapp-staging-pg17');
    const [first] = await world.log.read('PG-1');
    expect(first).toMatchObject({
      type: 'run.started',
      by: 'U0OPERATOR',
      channel: 'C0MIGRATION',
      from: 15,
      to: 17,
      steps: smallShape.map((one) => one.id),
    });
    expect(first?.type === 'run.started' && first.uid).toMatch(/^[a-z][a-z0-9]{7}$/);
    expect(world.advanced).toEqual(['PG-1']);
  });
  it('is refused to whoever is no operator, and names who may', async () => {
    const world = await commandsContext();
    expect(await refusal(say(world.as('U0SECOND'), 'start staging'))).toBe(
      'actor.not-allowed: Only <!subteam^S0OPERATORS> and <@U0ADMIN> can start an upgrade of staging; nothing was changed.',
    );
    expect(await world.log.runs()).toEqual([]);
  });
  it('is refused while a run of the environment is unfinished, and names it', async () => {
    const world = await commandsContext();
    const both = await Promise.allSettled(['U0OPERATOR', 'U0ADMIN'].map((id) => say(world.as(id), 'start staging')));
    expect(both.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
    expect(await refusal(say(world.as('U0OPERATOR'), 'start staging'))).toMatch(
      /^environment\.held: PG-1 of inapp staging is not finished/,
    );
  });
  it('refuses production until staging finished the same versions', async () => {
    const world = await commandsContext();
    expect(await refusal(say(world.as('U0OPERATOR'), 'start production'))).toContain('environment.order: production comes after staging');
    await say(world.as('U0OPERATOR'), 'start staging');
    expect(await refusal(say(world.as('U0OPERATOR'), 'start production'))).toContain('PG-1 is under way');
    world.log.push('PG-1', { type: 'run.finished' });
    expect(await refusal(say(world.as('U0OPERATOR'), 'start production --to=18'))).toContain('has not finished 15 → 18 yet');
    expect((await say(world.as('U0OPERATOR'), 'start inapp/production')).text).toContain('PG-2 is started');
  });
  it('needs an environment that exists, and a readable version', async () => {
    const world = await commandsContext();
    expect(await refusal(say(world.as('U0OPERATOR'), 'start --to=17'))).toContain(
      'environment.missing: Which environment? inapp has staging, production.',
    );
    expect(await refusal(say(world.as('U0OPERATOR'), 'start stagin'))).toContain('did you mean `staging`?');
    expect(await refusal(say(world.as('U0OPERATOR'), 'start staging --to=14'))).toContain('version.not-above');
    expect(await refusal(say(world.as('U0OPERATOR'), 'start staging --to=seventeen'))).toContain('version.unreadable');
  });
  it('begins nothing when the bot cannot write to the channel', async () => {
    const world = await commandsContext();
    const closed = world.as('U0OPERATOR', { channelProblem: async () => 'The bot is not in <#C0MIGRATION>.' });
    expect(await refusal(say(closed, 'start staging'))).toBe('channel.closed: The bot is not in <#C0MIGRATION>.');
    expect(await world.log.runs()).toEqual([]);
  });
});

describe('a lock', () => {
  it('keeps runs from starting, says who and why, and is told to everybody', async () => {
    const world = await commandsContext();
    const operator = world.as('U0OPERATOR');
    expect(await refusal(say(operator, 'lock staging'))).toContain('lock.reason-missing');
    expect(await refusal(say(world.as('U0SECOND'), 'lock staging "no"'))).toContain('actor.not-allowed');
    expect(await say(operator, 'lock staging “load test”')).toMatchObject({ everybody: true, text: expect.stringContaining('load test') });
    expect(await refusal(say(world.as('U0ADMIN'), 'start staging'))).toMatch(
      /^environment\.locked: inapp staging is locked by <@U0OPERATOR> since .*: load test\. Ask them, or `\/pgupgrade unlock staging`; nothing was begun\.$/,
    );
    expect(await refusal(say(operator, 'lock staging again'))).toContain('load test');
    expect(await world.log.runs()).toEqual([]);
    expect((await say(operator, 'list')).text).toContain('🔐 inapp/staging is locked by <@U0OPERATOR>');
    await say(world.as('U0ADMIN'), 'unlock inapp staging');
    expect(await refusal(say(operator, 'unlock staging'))).toContain('environment.not-locked');
    expect((await say(operator, 'start staging')).text).toContain('PG-1 is started');
  });
});

describe('a planned start', () => {
  it('holds the environment, begins nothing before its time, and is called off with abort', async () => {
    const world = await commandsContext(() => firstAt);
    const reply = await say(world.as('U0OPERATOR'), 'start staging --at="22:00 Europe/Vienna"');
    expect(reply.text).toMatch(/PG-1 starts <!date\^\d+.*by itself/);
    const state = async () => fold(await world.log.read('PG-1'), smallShape);
    expect(await state()).toMatchObject({ status: 'planned', header: { notBefore: Date.UTC(2026, 10, 22, 21, 0, 0) } });
    expect(await refusal(say(world.as('U0ADMIN'), 'start staging'))).toContain('environment.held');
    expect((await say(world.as('U0ADMIN'), 'list')).text).toContain('🕙 Planned');
    await say(world.as('U0OPERATOR'), 'abort PG-1 "not today"');
    expect((await state()).status).toBe('aborting');
  });
  it('is refused for a time that is over or that nobody can read', async () => {
    const world = await commandsContext(() => firstAt);
    expect(await refusal(say(world.as('U0OPERATOR'), 'start staging --at=2026-11-22T09:00Z'))).toContain('time.past');
    expect(await refusal(say(world.as('U0OPERATOR'), 'start staging --at=tonight'))).toContain('time.unreadable');
    expect(await world.log.runs()).toEqual([]);
  });
});

describe('production before staging', () => {
  it('is an admin’s decision, with a reason that stays in the run', async () => {
    const world = await commandsContext();
    expect(await refusal(say(world.as('U0OPERATOR'), 'start production --override="no staging data"'))).toMatch(
      /actor\.not-allowed: Only <@U0ADMIN> can start production before staging has finished/,
    );
    expect(await refusal(say(world.as('U0ADMIN'), 'start production --override=""'))).toContain('flag.value-missing');
    await say(world.as('U0ADMIN'), 'start production --override="no staging data"');
    expect((await world.log.read('PG-1'))[0]).toMatchObject({ withoutBefore: 'no staging data', by: 'U0ADMIN' });
    expect(JSON.stringify(await say(world.as('U0ADMIN'), 'report PG-1'))).toContain(
      'Started before the environment that comes first had finished: no staging data',
    );
  });
});

describe('a dry run', () => {
  it('shows what every step would do and what would refuse the start, and begins nothing', async () => {
    const world = await commandsContext();
    await say(world.as('U0OPERATOR'), 'lock production "freeze"');
    const before = world.picture();
    const reply = await say(world.as('U0OPERATOR'), 'start production --dry-run');
    expect(reply.text).toContain('Nothing was changed.');
    expect(reply.text).toContain('A start would be refused: inapp production is locked by <@U0OPERATOR>');
    expect(reply.text).toContain('production comes after staging');
    expect(world.picture()).toBe(before);
  });
});

describe('the form of start', () => {
  const submit = (world: Awaited<ReturnType<typeof commandsContext>>, values: Readonly<Record<string, string>>) => {
    const handlers = createHandlers((who) => ({ ...world.as(who.actor.id), ...who }));
    const submitted = {
      actor: { id: 'U0OPERATOR', via: 'slack' as const },
      channel: 'C0MIGRATION',
      action: 'run:start',
      value: '',
      values,
    };
    return { problems: handlers.problems(submitted), submit: () => handlers.submit(submitted) };
  };
  it('opens for `start` alone, and says what would be typed', async () => {
    const world = await commandsContext(() => firstAt);
    const modal = await opened(world.as('U0OPERATOR'), 'start');
    expect(JSON.stringify(modal.blocks)).toContain('inapp/production');
    expect(await refusal(opened(world.as('U0SECOND'), 'start'))).toContain('actor.not-allowed');
    const empty = { environment: 'inapp/staging', to: '', at: '', override: '' };
    expect(submit(world, { ...empty, environment: '' }).problems).toEqual({ environment: 'Please fill this in.' });
    const filled = submit(world, { ...empty, to: '18', at: '2026-11-22T22:00:00Z' });
    expect(filled.problems).toEqual({});
    await filled.submit();
    expect((await world.log.read('PG-1'))[0]).toMatchObject({ environment: 'staging', to: 18, notBefore: Date.UTC(2026, 10, 22, 22) });
  });
});

describe('history', () => {
  it('tells of runs that ended: what came out, how long, who approved', async () => {
    const world = await commandsContext();
    expect((await say(world.as('U0OUTSIDER'), 'history')).text).toContain('No run has ended yet.');
    await say(world.as('U0OPERATOR'), 'start staging');
    world.log.push('PG-1', { type: 'run.finished' });
    const { text } = await say(world.as('U0OUTSIDER'), 'history staging');
    expect(text).toMatch(/🏁 PG-1 · inapp staging · PostgreSQL 15 → 17 · finished .* · took .* · writes never off/);
    expect((await say(world.as('U0OUTSIDER'), 'history production')).text).toContain('No run of production has ended yet.');
    expect(await refusal(say(world.as('U0OUTSIDER'), 'history moon'))).toContain('environment.unknown');
  });
});
