import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSlack, type Slack } from '../../sandbox/slack/slack.ts';
import type { WorldFrame } from '../../sandbox/slack/types.ts';
import { findChromium, type OpenBrowser, openBrowser } from '../support/chromium.ts';
import { type RunningBot, startBot } from '../support/slack-bot.ts';
import { PEOPLE } from '../support/slack-people.ts';

const found = await findChromium();
const skip = 'missing' in found;
if ('missing' in found) process.stderr.write(`skipped: ${found.missing}\n`);

const frame: WorldFrame = {
  at: 0,
  old: { name: 'me-inapp-staging-pg15', writesPerSecond: 180, sessions: [{ user: 'inapp', application: 'inapp-web', count: 4 }] },
  new: null,
  pods: [
    { name: 'inapp-web-1', server: 'me-inapp-staging-pg15', acknowledged: 4812, read: 0, failed: 0 },
    { name: 'device-event-1', server: 'me-inapp-staging-pg15', acknowledged: 0, read: 77, failed: 0 },
  ],
  lost: 0,
  doubled: 0,
  lagBytes: 2048,
  retainedWalBytes: null,
  offMs: null,
  outages: [{ kind: 'restart', ms: 420 }],
  redis: { commandsPerSecond: 61, memoryBytes: 1_572_864 },
};

let browser: OpenBrowser;
let page: Page;
let slack: Slack;
let bot: RunningBot;
let told: ((frame: WorldFrame) => void) | undefined;
const wrong: string[] = [];

async function call(method: string, args: Readonly<Record<string, unknown>>): Promise<void> {
  await fetch(`${new URL(page.url()).origin}/api/${method}`, {
    method: 'POST',
    headers: { authorization: 'Bearer xoxb-sandbox', 'content-type': 'application/json' },
    body: JSON.stringify(args),
  });
}

describe.skipIf(skip)('the page', () => {
  beforeAll(async () => {
    if ('path' in found) browser = await openBrowser(found.path);
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    slack = createSlack({
      ...PEOPLE,
      world: {
        subscribe(listener) {
          told = listener;
          listener(frame);
          return () => {
            told = undefined;
          };
        },
      },
    });
    const base = await slack.listen();
    bot = await startBot(base, 1);
    await slack.waitForSockets(1);
    page = await browser.context.newPage();
    page.on('pageerror', (error) => wrong.push(error.message));
    await page.goto(base);
    await page.locator('body[data-ready]').waitFor();
  });
  afterEach(async () => {
    await page.close();
    await bot.stop();
    await slack.close();
    expect(wrong.splice(0)).toEqual([]);
  });

  it('leads a newcomer from Enter to an approval, with the keyboard and one other person', async () => {
    await page.keyboard.press('Enter');
    await page.getByText('only operator sees this').waitFor();
    await page.locator('#coach-become').click();
    expect(await page.locator('#me').inputValue()).toBe('U0APPROVER');
    await page.getByText('working on start staging').waitFor({ state: 'detached' });
    await page.locator('#coach-approve').click();
    const dialog = page.getByRole('dialog', { name: 'Cut over' });
    await dialog.getByRole('button', { name: 'Cut over' }).click();
    await dialog.getByText('Please complete this required field.').waitFor();
    await dialog.getByLabel('Type the instance name').fill('another');
    await page.keyboard.press('Enter');
    await dialog.getByText('That is not the instance').waitFor();
    await dialog.getByLabel('Type the instance name').fill('me-inapp-staging-pg15');
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'hidden' });
    await page.getByRole('button', { name: /2 replies/ }).click();
    const thread = page.getByRole('complementary', { name: 'Thread' });
    await thread.getByText('approved by').waitFor();
    await thread.getByRole('button', { name: /report\.txt/ }).click();
    await page.frameLocator('iframe').getByText('equal').waitFor();
  });

  it('reads nothing that a message says as HTML, and shows a block that it does not know', async () => {
    const text = '<img src=x onerror=alert(1)> *bold* `code` &lt;b&gt; <javascript:alert(1)|link> :rocket:';
    await call('chat.postMessage', { channel: 'C0MIGRATION', text, blocks: [{ type: 'section', text: { type: 'mrkdwn', text } }] });
    const message = page.locator('#log .message').last();
    await message.getByText('bold').waitFor();
    expect(await message.locator('img').count()).toBe(0);
    expect(await message.locator('a', { hasText: 'link' }).getAttribute('href')).toBe('#');
    expect(await message.textContent()).toContain('<b>');
    expect(await message.textContent()).toContain('🚀');
    const [board] = slack.state.messages;
    if (!board) throw new Error('no message');
    slack.state.messages[0] = { ...board, blocks: [{ type: 'hologram', block_id: 'h' }] };
    await page.reload();
    await page.getByText('unknown block type: hologram').waitFor();
  });

  it('shows the world beside the channel and follows it', async () => {
    const world = page.getByRole('complementary', { name: 'The world' });
    await world.getByText('180 writes/s').waitFor();
    await world.getByText('acknowledged writes: 0 lost, 0 doubled').waitFor();
    expect(await world.getByRole('cell').allTextContents()).toEqual([
      ...['device-event-1', 'pg15', '77 read', '0'],
      ...['inapp-web-1', 'pg15', '4,812', '0'],
    ]);
    await world.getByText('Writes are on').waitFor();
    await world.getByText('Redis · 1.5 MB').waitFor();
    told?.({ ...frame, offMs: 3_210, redis: null });
    await world.getByText('⛔ Writes off for 3.2 s').waitFor();
    await world.getByText('Redis · away').waitFor();
    const outages = [...frame.outages, { kind: 'cutover', ms: 5_930 }];
    told?.({ ...frame, outages, new: { name: 'me-inapp-staging-pg17', writesPerSecond: 175, sessions: [] }, lost: 2 });
    await world.getByText('175 writes/s').waitFor();
    await world.getByText('outages: restart 0.4 s · cutover 5.9 s').waitFor();
    await world.getByText('❌ 2 acknowledged writes lost, 0 doubled').waitFor();
  });

  it('fits a narrow window without scrolling sideways', async () => {
    for (const width of [800, 390]) {
      await page.setViewportSize({ width, height: 800 });
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      expect(await page.getByRole('button', { name: 'Send' }).isVisible()).toBe(true);
    }
  });
});
