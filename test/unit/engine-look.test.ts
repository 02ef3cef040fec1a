import { expect, test } from 'vitest';
import type { RunHeader } from '../../src/engine/facts.ts';
import { lookAtSteps } from '../../src/engine/look.ts';
import { blocked, done, type Observation, type Step, task, todo } from '../../src/engine/step.ts';
import { NeedsHuman } from '../../src/errors.ts';

const header: RunHeader = {
  run: '-',
  uid: '00000000',
  service: 's',
  environment: 'e',
  from: 15,
  to: 17,
  by: 'o',
  channel: 'c',
  steps: [],
  format: 1,
};
const step = (id: string, check: Step<null>['check']): Step<null> => ({
  id,
  title: id.toUpperCase(),
  impact: 'none',
  check,
  undo: { keep: 'x' },
});
const seen = (observation: Observation) => async () => observation;
const broken = async () => {
  throw new NeedsHuman('x', 'there is no such instance', { remedy: 'y' });
};
const look = async (...steps: readonly Step<null>[]) => {
  const answer = await lookAtSteps({ steps, clients: null, header, state: undefined, signal: new AbortController().signal });
  return answer.lines.map(({ step: id, state, text }) => [id, state, text]);
};

test('a look says what every step sees', async () => {
  expect(
    await look(
      step('a', seen(done('is there'))),
      step('b', seen(todo(['make b'], { shown: ['takes 2 s'] }))),
      step('c', seen(task(['click here'], 'by a look'))),
      step('d', seen(blocked('c', 'no right', 'grant it'))),
    ),
  ).toEqual([
    ['a', 'done', ['is there']],
    ['b', 'todo', ['make b', 'takes 2 s']],
    ['c', 'task', ['click here']],
    ['d', 'blocked', ['no right', 'grant it']],
  ]);
});

test('what cannot look is a finding, unless an earlier step has to be carried out first', async () => {
  expect(await look(step('a', seen(done(''))), step('b', broken))).toContainEqual(['b', 'blocked', ['there is no such instance']]);
  expect(await look(step('a', seen(todo(['make a']))), step('b', broken))).toContainEqual([
    'b',
    'needs-earlier-steps',
    ['there is no such instance'],
  ]);
});

test('what a look records is seen by later steps of the same look and by nobody else', async () => {
  const steps = [
    step('a', async (_clients, run) => {
      await run.record('lsn', '0/1');
      return done('');
    }),
    step('b', async (_clients, run) => done(`after ${run.recall<string>('lsn', 'a')}, promotion ${await run.claimPromotion()}`)),
  ];
  expect(await look(...steps)).toContainEqual(['b', 'done', ['after 0/1, promotion false']]);
  expect(await look(...steps.slice(1))).toContainEqual(['b', 'done', ['after undefined, promotion false']]);
});
