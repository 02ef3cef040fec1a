import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChangedRow, changeRow } from '../../sandbox/tamper.ts';
import { openWorld, type World } from '../../sandbox/world.ts';
import { findChromium, type OpenBrowser, openBrowser } from '../support/chromium.ts';

const found = await findChromium();
const skip = 'missing' in found;
if ('missing' in found) process.stderr.write(`skipped: ${found.missing}\n`);

const window = { width: 1280, height: 900 } as const;
const flag = 'ASYNC_AUDIENCE_CREATION_ENABLED';
const pullRequest = 'https://github.com/example/me-infrastructure/pull/4711';
/** The README's pictures are of this run; they are renewed only on request, because no two runs look the same. */
const kept = process.env['UPDATE_SCREENSHOT'] === '1' ? fileURLToPath(new URL('../../docs/', import.meta.url)) : undefined;

let workDir: string;
let world: World;
let browser: OpenBrowser;
let page: Page;
let changed: ChangedRow | undefined;
const wrong: string[] = [];

const shown = (selector: string): Locator => page.locator(`:is(#log, #thread-log) ${selector}`).locator('visible=true').last();
const become = (user: string) => page.locator('#me').selectOption(user);
const me = () => page.locator('#me').inputValue();
const dialog = () => page.locator('dialog[open]');

/** A message as the channel shows it, without the page around it: with room for all of it, and nothing above it. */
async function picture(name: string, message: Locator): Promise<void> {
  const board = page.locator('#board');
  await page.setViewportSize({ width: 1160, height: 2_000 });
  await board.evaluate((node) => node.removeAttribute('open'));
  await page.locator('#toast').evaluate((node) => node.setAttribute('hidden', ''));
  await message.scrollIntoViewIfNeeded();
  await message.screenshot({ path: join(kept ?? workDir, `${name}.png`), animations: 'disabled' });
  await board.evaluate((node) => node.setAttribute('open', ''));
  await page.setViewportSize(window);
}
const article = (text: string | RegExp): Locator => page.locator('#log article', { hasText: text }).last();

/** What a newcomer does: the yellow line says who to become and what to press; what it asks to be sure of is confirmed. */
async function approveAsTheCoachSays(): Promise<void> {
  const change = page.locator('#coach-become');
  if (await change.isVisible()) await change.click();
  await page.locator('#coach-approve').waitFor();
  if (changed === undefined && (await shown('[data-value*=":approve-cutover:"]').isVisible())) {
    await lookAtTheCard();
    changed = await changeRow(world, 'staging', 1);
  }
  const pressed = await carriedBy(shown('[data-action="gate:approve"]'));
  await page.locator('#coach-approve').click();
  await dialog().locator('[data-confirm=yes]').click();
  await gone('gate:approve', pressed);
}

/** The next question may be there before the last one's buttons are gone: it is this one's that must go. */
async function carriedBy(button: Locator): Promise<string> {
  return (await button.getAttribute('data-value')) ?? '';
}
async function gone(action: string, value: string): Promise<void> {
  await page.locator(`#log [data-action="${action}"][data-value="${value}"]`).waitFor({ state: 'detached' });
}

/** The go/no-go card, with the board above it and the world beside it. */
async function lookAtTheCard(): Promise<void> {
  await page.locator('#world summary').scrollIntoViewIfNeeded();
  await shown('[data-value*=":approve-cutover:"]').scrollIntoViewIfNeeded();
  await page.locator('#board').evaluate((board) => board.scrollTo(0, 0));
  await page.screenshot({ path: join(kept ?? workDir, 'board.png'), animations: 'disabled' });
  await picture('gate', shown('[data-value*=":approve-cutover:"]').locator('xpath=ancestor::article'));
  expect(await page.locator('#board').textContent()).toContain('Switch to the new instance');
}

/** Somebody wrote on the new server: the writes were given back, the row is shown, and the channel offers to try again. */
async function lookAtTheDifference({ id, source, destination }: ChangedRow): Promise<void> {
  await picture('failure', article('validation.differs'));
  const difference = article(`id=${id}`);
  await difference.getByText(`- priority ${source}`).waitFor();
  await difference.getByText(`+ priority ${destination}`).waitFor();
  await picture('diff', difference);
  await changeRow(world, 'staging', -1);
  await become('U0OPERATOR');
  const again = article('Writes are on again').locator('[data-action="run:retry"]');
  await again.click();
  await again.waitFor({ state: 'detached' });
}

/** A task's buttons are the operator's: the link is typed into a modal, everything else is done and said. */
async function doTask(): Promise<void> {
  await become('U0OPERATOR');
  const done = shown('[data-action="task:done"]');
  const answer = shown('[data-action="task:answer"]');
  await done.or(answer).first().waitFor();
  if (await answer.isVisible()) {
    const pressed = await carriedBy(answer);
    await answer.click();
    await dialog().locator('[data-submit]').click();
    await dialog().getByText('Please complete this required field.').waitFor();
    await dialog().locator('.field input').fill(pullRequest);
    await dialog().locator('[data-submit]').click();
    await dialog().waitFor({ state: 'hidden' });
    await gone('task:answer', pressed);
    return;
  }
  const pressed = await carriedBy(done);
  const asked = await done.locator('xpath=ancestor::article').textContent();
  const wanted = /^ to (on|off)/.exec(asked?.split(flag)[1] ?? '')?.[1];
  await page.locator(`[data-flag=${flag}]`).setChecked(wanted === 'on');
  await expect.poll(() => world.flags.get(flag), { timeout: 30_000 }).toBe(wanted);
  await done.click();
  await gone('task:done', pressed);
}

describe.skipIf(skip)('a newcomer in the page', () => {
  beforeAll(async () => {
    workDir = await mkdtemp(join(tmpdir(), 'pgupgrade-browser-'));
    world = await openWorld({ workDir, environments: ['staging'], scale: 1, slackLimits: { ackMs: 20_000, triggerMs: 20_000 } });
    await Promise.all([world.start('worker'), world.start('bot')]);
    await world.slack.waitForSockets(1, 30_000);
    if ('path' in found) browser = await openBrowser(found.path, window);
    page = await browser.context.newPage();
    page.setDefaultTimeout(60_000);
    page.on('pageerror', (error) => wrong.push(error.message));
    await page.goto(world.info().slack);
    await page.locator('body[data-ready]').waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await world?.close();
    await rm(workDir, { recursive: true, force: true });
  });

  it('presses Enter, and the bot answers with a board', async () => {
    await page.keyboard.press('Enter');
    await page.locator('#board h3', { hasText: 'PG-1' }).waitFor();
    expect(await page.locator('#board').textContent()).toContain('me-inapp-staging-pg17');
    expect(await page.locator('#line').inputValue()).toBe('');
  });

  it('may not approve as an outsider, and is told so alone', async () => {
    await become('U0OUTSIDER');
    await shown('[data-action="gate:approve"]').click();
    await dialog().locator('[data-confirm=yes]').click();
    // Said into a thread that is not open: the page shows it all the same, to this person alone.
    await page.locator('#toast', { hasText: '👁' }).waitFor();
    await page.locator('#board .replies').click();
    const secret = page.locator('#thread-log .ephemeral');
    await secret.getByText('only outsider sees this').waitFor();
    await become('U0SECOND');
    expect(await secret.count()).toBe(0);
    await page.locator('#thread-close').click();
    expect(await shown('[data-action="gate:approve"]').isVisible()).toBe(true);
  });

  it('approves each gate as the person whom the yellow line names, does each task and sees the difference that stops the switch, until the run is finished', async () => {
    const gate = page.locator('#coach-become, #coach-approve').first();
    const job = shown('[data-action="task:done"], [data-action="task:answer"]');
    const stopped = article('Writes are on again').locator('[data-action="run:retry"]');
    const finished = page.locator('#board').getByText('Finished');
    const approvers = new Set<string>();
    for (;;) {
      await gate.or(job).or(stopped).or(finished).first().waitFor({ timeout: 180_000 });
      if (await finished.isVisible()) break;
      if (changed && (await stopped.isVisible())) await lookAtTheDifference(changed);
      else if (await gate.isVisible()) {
        await approveAsTheCoachSays();
        approvers.add(await me());
      } else await doTask();
    }
    expect([...approvers].sort()).toEqual(['U0APPROVER', 'U0LEAD']);
    expect(wrong).toEqual([]);
  });

  it('finds in the channel what came of it, and the whole report as a page that stands alone', async () => {
    await picture('report-message', article('sealed'));
    const name = [...world.slack.state.files.values()].find((file) => file.name === 'PG-1-report.html');
    const alone = await browser.context.newPage();
    alone.on('pageerror', (error) => wrong.push(error.message));
    await alone.setViewportSize({ width: 900, height: 860 });
    await alone.setContent(String(name?.content ?? ''));
    await alone.getByRole('heading', { name: 'Outages by cause' }).waitFor();
    expect(await alone.getByText('write stop, given back').count()).toBeGreaterThan(0);
    await alone.screenshot({ path: join(kept ?? workDir, 'report.png') });
    await alone.close();
    expect(wrong).toEqual([]);
  });

  it('finds in the thread what was done, and in the world where everybody writes now', async () => {
    await page.locator('#board .replies').click();
    const thread = page.getByRole('complementary', { name: 'Thread' });
    await thread.getByText('Switch to the new instance').first().waitFor();
    await thread.getByText(pullRequest).first().waitFor();
    const panel = page.getByRole('complementary', { name: 'The world' });
    await panel.getByText('acknowledged writes: 0 lost, 0 doubled').waitFor();
    await expect.poll(() => panel.locator('.pods .dot.new').count(), { timeout: 30_000 }).toBeGreaterThanOrEqual(4);
  });
});
