import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSlack, type Slack } from '../../sandbox/slack/slack.ts';
import { runTerminal } from '../../sandbox/slack/terminal.ts';
import { type RunningBot, startBot } from '../support/slack-bot.ts';
import { PEOPLE } from '../support/slack-people.ts';

let slack: Slack;
let base: string;
let bot: RunningBot;

beforeEach(async () => {
  slack = createSlack(PEOPLE);
  base = await slack.listen();
  bot = await startBot(base, 1);
  await slack.waitForSockets(1);
});
afterEach(async () => {
  await bot.stop();
  await slack.close();
});

/** Runs one line of the terminal and gives what it printed and its exit code. */
async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const lines: string[] = [];
  return { code: await runTerminal({ base, write: (line) => lines.push(line) }, args), lines };
}

it('carries a person through command, button, modal and its error, while a tail prints the channel', async () => {
  const tailed: string[] = [];
  const over = new AbortController();
  let heard = (): void => undefined;
  const tail = runTerminal(
    {
      base,
      signal: over.signal,
      write: (line) => {
        tailed.push(line);
        heard();
      },
    },
    ['tail'],
  );
  const printed = (wanted: string) =>
    new Promise<void>((resolve) => {
      heard = () => {
        if (tailed.join('\n').includes(wanted)) resolve();
      };
      heard();
    });

  expect(await run('say', 'operator', '/pgupgrade start staging')).toEqual({ code: 0, lines: ['working on start staging'] });
  await printed('pgupgrade │ == Upgrade staging ==\n          │ [Approve](gate:approve)');
  expect(await run('click', 'approver', 'gate:approve')).toEqual({ code: 0, lines: [] });
  await slack.waitForView((view) => view.openedBy === 'U0APPROVER');
  expect(await run('submit', 'approver')).toEqual({ code: 1, lines: ['instance: Please complete this required field.', '✗ incomplete'] });
  expect(await run('submit', 'approver', 'instance=another')).toEqual({ code: 1, lines: ['instance: That is not the instance'] });
  expect(await run('submit', 'approver', 'instance=me-inapp-staging-pg15')).toEqual({ code: 0, lines: [] });
  await printed('pgupgrade │ ↳ approved by @approver');
  await printed('report.txt');
  over.abort();
  expect(await tail).toBe(0);
});

it('says what is wrong in one sentence and gives another exit code', async () => {
  expect(await run('click', 'approver', 'gate:approve')).toEqual({ code: 1, lines: ['✗ no message offers "gate:approve"'] });
  expect((await run('say', 'nobody', 'hello')).lines[0]).toMatch(/nobody here is called "nobody"; there are operator, approver/);
  expect((await run('dance')).code).toBe(2);
});
