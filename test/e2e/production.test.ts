import { afterAll, beforeAll, expect, test } from 'vitest';
import { observe } from '../../sandbox/observe.ts';
import { idsOf } from '../../src/engine/shape.ts';
import { openStage, type Stage, shape } from '../support/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage({ environments: ['staging', 'production'], requesterTries: true });
}, 120_000);
afterAll(() => stage?.close());

test('production is refused until staging has finished', async () => {
  const refused = await stage.says('U0OPERATOR', '/pgupgrade start production');
  expect(refused).toContain('environment.order');
  expect(refused).toContain('staging');
  expect(await stage.log.runs()).toEqual([]);
  const run = await stage.starts('staging');
  expect(await stage.says('U0OPERATOR', '/pgupgrade start production')).toContain(`${run} is under way`);
  await stage.ended(run, 'finished');
});

test('production then asks two people, never the one who asked for it, and loses no write', async () => {
  const run = await stage.starts('production');
  const state = await stage.ended(run, 'finished');
  expect(state.steps.map(({ id, status }) => `${id} ${status}`)).toEqual(idsOf(shape, 'upgrade').map((id) => `${id} done`));
  const facts = await stage.facts(run);
  const decided = facts.filter((fact) => fact.type === 'gate.decided' && fact.gate === 'approve-cutover');
  expect(decided).toMatchObject([{ decision: 'approved', by: ['U0APPROVER', 'U0SECOND'] }]);
  const voters = facts.flatMap((fact) => (fact.type === 'vote.cast' ? [fact.by] : []));
  expect(voters).not.toContain('U0OPERATOR');
  const told = stage.world.slack.state.messages.filter(
    ({ ephemeral, text }) => ephemeral === 'U0OPERATOR' && /\(gate\.[a-z-]+\)/.test(text),
  );
  expect(told.length).toBeGreaterThan(0);
  for (const environment of ['staging', 'production']) {
    await stage.world.settled(environment);
    const { lost, doubled, destination } = await observe(stage.world, environment);
    expect({ lost, doubled, version: destination.version }).toEqual({ lost: [], doubled: 0, version: 17 });
  }
  expect(stage.world.slack.state.refusals).toEqual([]);
});
