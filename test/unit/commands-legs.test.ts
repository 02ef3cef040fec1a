import { describe, expect, it } from 'vitest';
import { createHandlers } from '../../src/commands/handlers.ts';
import type { FactBody } from '../../src/engine/facts.ts';
import { idsOf, shapeOf } from '../../src/engine/shape.ts';
import { runbook } from '../../src/runbook.ts';
import { commandsContext, refusal, say } from '../support/commands-context.ts';
import { begun, doneFacts } from '../support/slack-runs.ts';

const shape = shapeOf(runbook);
const upgrade = idsOf(shape, 'upgrade');
const started = { ...begun, steps: upgrade } as FactBody;
const finished: readonly FactBody[] = [started, ...doneFacts(...upgrade), { type: 'promotion.called' }, { type: 'run.finished' }];

async function world(...bodies: readonly FactBody[]) {
  const made = await commandsContext();
  made.log.push('PG-1', ...bodies);
  return { ...made, by: (id: string) => made.as(id, { shape }), last: async () => (await made.log.read('PG-1')).at(-1) };
}

describe('rollback', () => {
  it('of a finished run begins the leg, takes the environment again and queues what is owed', async () => {
    const { by, log, last, advanced } = await world(...finished);
    expect((await say(by('U0OPERATOR'), 'rollback staging "queries are slow"')).text).toContain(
      'Nothing is stopped before people approve it',
    );
    expect(await last()).toMatchObject({ type: 'leg.begun', leg: 'rollback', by: 'U0OPERATOR', reason: 'queries are slow' });
    expect((await log.runs())[0]).toMatchObject({ run: 'PG-1', active: true });
    expect(advanced).toEqual(['PG-1']);
  });
  it('before the promotion is the abort', async () => {
    const { by, last } = await world(started, ...doneFacts('preflight'));
    await say(by('U0OPERATOR'), 'rollback PG-1 "not today"');
    expect(await last()).toMatchObject({ type: 'abort.requested', reason: 'not today' });
  });
  it.each([
    ['U0OUTSIDER', 'rollback PG-1 "why not"', /^actor\.not-allowed/],
    ['U0OPERATOR', 'rollback PG-1', /^rollback\.reason-missing/],
    ['U0OPERATOR', 'rollback "queries are slow"', /^rollback\.unnamed/],
    ['U0OPERATOR', 'rollback PG-9 "why"', /^run\.unknown/],
  ])('%s types %s: refused, and nothing is written', async (who, line, code) => {
    const { by, last } = await world(...finished);
    expect(await refusal(say(by(who), line))).toMatch(code);
    expect((await last())?.type).toBe('run.finished');
  });
  it('is refused with the name of the run that holds the environment now', async () => {
    const { by, log, last } = await world(...finished);
    log.push('PG-2', { ...begun, run: 'PG-2', uid: 'b1b2b3b4', steps: upgrade } as FactBody);
    expect(await refusal(say(by('U0OPERATOR'), 'rollback PG-1 "slow"'))).toMatch(/^environment\.held: PG-2 /);
    expect((await last())?.type).toBe('run.finished');
  });
  it('says that it is too late once the way back was taken down', async () => {
    const leg: FactBody = { type: 'leg.begun', leg: 'retire', by: 'U0OPERATOR', reason: '', steps: idsOf(shape, 'retire') };
    const { by } = await world(...finished, leg, ...doneFacts('disarm-way-back'));
    expect(await refusal(say(by('U0OPERATOR'), 'rollback PG-1 "slow"'))).toMatch(
      /^rollback\.too-late: PG-1 cannot be rolled back any more: disarm-way-back/,
    );
  });
});

describe('retire', () => {
  it('of a finished run begins its leg; of one that goes on it is refused', async () => {
    const over = await world(...finished);
    await say(over.by('U0OPERATOR'), 'retire PG-1');
    expect(await over.last()).toMatchObject({ type: 'leg.begun', leg: 'retire' });
    const pressed = await world(...finished);
    const { button } = createHandlers(({ actor }) => pressed.by(actor.id));
    await button({ actor: { id: 'U0OPERATOR', via: 'slack' }, channel: 'C0MIGRATION', action: 'run:retire', value: 'PG-1' });
    expect(await pressed.last()).toMatchObject({ type: 'leg.begun', leg: 'retire', by: 'U0OPERATOR' });
    const open = await world(started, ...doneFacts('preflight'));
    expect(await refusal(say(open.by('U0OPERATOR'), 'retire PG-1'))).toMatch(/^retire\.not-finished/);
  });
});
