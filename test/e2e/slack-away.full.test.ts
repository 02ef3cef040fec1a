import { execFile } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compiled } from '../../sandbox/compiled.ts';
import type { Message } from '../../sandbox/slack/types.ts';
import type { Fact } from '../../src/engine/facts.ts';
import type { RunState } from '../../src/engine/state.ts';
import { openStage, type Stage } from '../support/stage.ts';

const awayMs = 120_000;

/** A whole upgrade by production's own bot and worker; Slack is away for two minutes in the middle. */
describe('a run whose Slack is away for two minutes', () => {
  let stage: Stage;
  let run: string;
  let state: RunState;
  let facts: readonly Fact[];
  /** What was appended while nobody could be told. */
  let meanwhile: readonly Fact[];
  let status: string;

  beforeAll(async () => {
    stage = await openStage();
    const { slack } = stage.world;
    run = await stage.starts('staging');
    await stage.fact(run, 'step.done', 'drop-deferrable-constraints');
    await slack.goDown();
    const back = Date.now() + awayMs;
    const before = (await stage.facts(run)).length;
    await stage.fact(run, 'task.asked', 'hold-schema-changes');
    status = (await terminal('status', run)).stdout;
    await delay(Math.max(0, back - Date.now()));
    meanwhile = (await stage.facts(run)).slice(before);
    await slack.comeBack();
    state = await stage.ended(run, 'finished');
    await slack.waitFor(({ files }) => files.some(({ name }) => name === `${run}-report.json`));
    facts = await stage.facts(run);
  }, 900_000);
  afterAll(() => stage?.close());

  function terminal(...args: readonly string[]) {
    const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...stage.world.environment, PGUPGRADE_AS: 'U0OPERATOR' };
    return promisify(execFile)(process.execPath, [compiled('src/cli.js'), ...args], { env });
  }
  const posts = (): readonly Message[] =>
    stage.world.slack.state.messages.filter((one) => one.user === 'U0BOT' && one.ephemeral === undefined && !one.deleted);
  const text = (message: Message) => `${message.text} ${JSON.stringify(message.blocks)}`;

  test('goes on as far as it needs nobody, and finishes when people are back', () => {
    expect(meanwhile.filter(({ type }) => type === 'step.done').length).toBeGreaterThan(5);
    expect(meanwhile.at(-1)).toMatchObject({ type: 'task.asked', step: 'hold-schema-changes' });
    expect(state.steps.filter((step) => step.status !== 'done')).toEqual([]);
    expect(facts.filter(({ type }) => type === 'step.blocked')).toEqual([]);
  });

  test('says in a terminal meanwhile that Slack takes no message', () => {
    expect(status).toMatch(/Slack has taken no message of this run since .*\(ECONN|Slack cannot be reached/);
  });

  test('finds the channel complete and in order afterwards: every question, task and phase once, the report last', () => {
    const at = (what: string, shows: (message: Message) => boolean) => {
      const found = posts().filter(shows);
      expect(found.length, what).toBe(1);
      return Number(found[0]?.ts);
    };
    const asked = facts.flatMap((fact, index) =>
      fact.type === 'gate.asked' && !facts.slice(0, index).some((one) => one.type === 'gate.asked' && one.nonce === fact.nonce)
        ? [
            at(
              fact.question,
              (one) => one.broadcast === true && text(one).includes('What will be done') && text(one).includes(fact.question),
            ),
          ]
        : fact.type === 'task.asked'
          ? [
              at(
                fact.step,
                (one) => one.broadcast === true && text(one).includes('needs a person') && one.text.includes(fact.what[0] ?? ''),
              ),
            ]
          : [],
    );
    const report = at('the report', (one) => one.broadcast === true && text(one).includes('sealed'));
    expect(asked).toEqual([...asked].sort((a, b) => a - b));
    expect(asked.every((ts) => ts < report)).toBe(true);
    for (const phase of ['Prepare the source', 'Make the schema compatible', 'Set up the migration', 'Prepare the destination'])
      at(phase, (one) => one.threadTs !== undefined && !one.broadcast && text(one).includes(`*${phase}*`));
    expect(posts().filter((one) => one.threadTs === undefined && text(one).includes('run:')).length).toBeLessThanOrEqual(1);
  });
});
