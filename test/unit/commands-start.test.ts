import { describe, expect, it } from 'vitest';
import { commandsContext, refusal, say } from '../support/commands-context.ts';
import { smallShape } from '../support/slack-runs.ts';

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
    expect(await refusal(say(world.as('U0OPERATOR'), 'start'))).toContain(
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
