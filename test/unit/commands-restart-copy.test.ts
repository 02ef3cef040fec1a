import { describe, expect, it } from 'vitest';
import { createHandlers } from '../../src/commands/handlers.ts';
import { runVerbFromTerminal } from '../../src/commands/terminal.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { commandsContext, opened, refusal, say } from '../support/commands-context.ts';
import { begun, doneFacts, firstAt } from '../support/slack-runs.ts';

type World = Awaited<ReturnType<typeof commandsContext>>;
const stopped: FactBody = {
  type: 'step.blocked',
  step: 'approve-cutover',
  code: 'schema.changed',
  reason: 'r.',
  remedy: 'm',
  fate: 'human',
  undoing: false,
  restartCopy: true,
};
/** Three hours after the copy began. */
async function copying(...more: readonly FactBody[]): Promise<World> {
  let now = firstAt;
  const world = await commandsContext(() => now);
  world.log.push('PG-1', begun, ...doneFacts('preflight', 'hold-schema-changes'), ...more);
  now += 3 * 3_600_000;
  return world;
}
const press = (world: World) => createHandlers((who) => ({ ...world.as(who.actor.id), ...who }));
const button = (id: string) => ({
  actor: { id, via: 'slack' as const },
  channel: 'C0MIGRATION',
  action: 'run:restart-copy',
  value: 'PG-1',
});
const asked = async (world: World) => (await world.log.read('PG-1')).filter((fact) => fact.type === 'copy.restart-requested');

describe('the button Restart the copy', () => {
  /** What the button opens, as it is sent. */
  const form = async (world: World, values: Readonly<Record<string, string>>, id = 'U0OPERATOR') => {
    const answer = await press(world).button(button(id));
    if (!('modal' in answer)) throw new Error(`no form: ${answer.text}`);
    const { action, value, channel } = JSON.parse(answer.modal.private_metadata ?? '{}');
    return { modal: answer.modal, sent: { actor: { id, via: 'slack' as const }, action, value, channel, values } };
  };

  it('says what is lost and what stays, and restarts nothing', async () => {
    const world = await copying(stopped);
    const { modal } = await form(world, {});
    const words = JSON.stringify(modal.blocks);
    expect(words).toContain('Lost: what was copied in 3h 00m');
    expect(words).toContain('Writes stay on.');
    expect(await asked(world)).toEqual([]);
  });
  it('inside the write stop says that the writes are given back first', async () => {
    const off: FactBody = { type: 'deadline.set', dueAt: firstAt + 9e9 };
    const { modal } = await form(await copying(...doneFacts('approve-cutover'), off), {});
    expect(JSON.stringify(modal.blocks)).toContain('The writes are given back first');
  });
  it('wants the run’s name and a reason', async () => {
    const world = await copying(stopped);
    const { sent } = await form(world, { typed: 'PG-2', reason: '' });
    expect(press(world).problems(sent)).toEqual({ typed: 'Type PG-1, the name of the run.', reason: 'Please fill this in.' });
  });
  it('confirmed, restarts it once, with a name and a reason, however often it is sent', async () => {
    const world = await copying(stopped);
    const { sent } = await form(world, { typed: 'pg-1', reason: 'a column more' });
    expect(press(world).problems(sent)).toEqual({});
    const results = await Promise.allSettled([press(world).submit(sent), press(world).submit(sent)]);
    expect(results.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await asked(world)).toMatchObject([{ by: 'U0OPERATOR', reason: 'a column more', to: 'hold-schema-changes' }]);
    expect(world.advanced).toEqual(['PG-1']);
  });
});

describe('who may restart the copy', () => {
  it.each(['U0OUTSIDER', 'U0APPROVER', 'U0LEAD'])('not %s, by button, form or word', async (id) => {
    const world = await copying(stopped);
    expect(await refusal(press(world).button(button(id)))).toMatch(/^actor\.not-allowed: Only .* can restart a copy; nothing was changed/);
    const sent = { ...button(id), action: 'restart-copy:asked', values: { typed: 'PG-1', reason: 'x' } };
    expect(await refusal(press(world).submit(sent))).toContain('actor.not-allowed');
    expect(await refusal(say(world.as(id), 'restart-copy PG-1 "x"'))).toContain('actor.not-allowed');
    expect(await asked(world)).toEqual([]);
  });
  it('an operator and an admin', async () => {
    for (const id of ['U0OPERATOR', 'U0ADMIN']) {
      const world = await copying();
      expect((await say(world.as(id), 'restart-copy "a column more"')).text).toContain(
        `<@${id}> restarts the copy of PG-1: a column more. Writes are on; `,
      );
      expect(await asked(world)).toMatchObject([{ by: id, reason: 'a column more' }]);
    }
  });
});

describe('restart-copy, typed', () => {
  it('without a reason opens the form, and in a terminal says what is lost and the line that restarts it', async () => {
    const world = await copying(stopped);
    expect((await opened(world.as('U0OPERATOR'), 'restart-copy')).submit?.text).toBe('Restart the copy');
    const { channel: _channel, ...context } = world.as('U0OPERATOR', { actor: { id: 'U0OPERATOR', via: 'terminal' } });
    const listed = await runVerbFromTerminal(context, ['restart-copy']);
    expect(listed).toMatchObject({
      exitCode: 0,
      text: expect.stringMatching(/^Lost: .*\nKept: .*\nTo restart it: npx pgupgrade restart-copy PG-1 "why"$/),
    });
    expect(await asked(world)).toEqual([]);
    expect(await runVerbFromTerminal(context, ['restart-copy', 'PG-1', 'a column more'])).toMatchObject({ exitCode: 0 });
    expect(await asked(world)).toHaveLength(1);
  });
  it.each<readonly [string, readonly FactBody[], string]>([
    ['before the copy', [], 'copy.not-begun: No copy of PG-1 has begun'],
    ['after the promotion was called', [...doneFacts('hold-schema-changes'), { type: 'promotion.called' }], 'copy.over'],
    ['when the run has ended', [...doneFacts('hold-schema-changes'), { type: 'run.finished' }], 'run.ended'],
  ])('%s is refused and changes nothing, with a reason and without', async (_name, more, why) => {
    const world = await commandsContext();
    world.log.push('PG-1', begun, ...doneFacts('preflight'), ...more);
    const before = world.picture();
    for (const text of ['restart-copy PG-1', 'restart-copy PG-1 "x"'])
      expect(await refusal(say(world.as('U0OPERATOR'), text))).toContain(why);
    expect(world.picture()).toBe(before);
  });
});
