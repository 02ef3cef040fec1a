import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buttons, type ChannelWorld, channelWorld, shown } from '../support/channel-world.ts';
import { findChromium, type OpenBrowser, openBrowser } from '../support/chromium.ts';
import { type RedisForTests, redisForTests } from '../support/engine-bench.ts';
import { begun, doneFacts, gateFact } from '../support/slack-runs.ts';

const found = await findChromium();
const skip = 'missing' in found;
if ('missing' in found) process.stderr.write(`skipped: ${found.missing}\n`);

let redis: RedisForTests;
let world: ChannelWorld;
let browser: OpenBrowser;
let page: Page;
let folder: string;
const wrong: string[] = [];

async function picture(name: string, ts: string): Promise<void> {
  const message = page.locator(`#log [data-ts="${ts}"]`);
  await message.waitFor();
  await message.scrollIntoViewIfNeeded();
  await message.screenshot({ path: join(folder, `${name}.png`) });
}

describe.skipIf(skip)('the channel in a browser', () => {
  beforeAll(async () => {
    redis = await redisForTests();
    world = await channelWorld(redis.url);
    folder = await mkdtemp(join(tmpdir(), 'pgupgrade-pictures-'));
    if ('path' in found) browser = await openBrowser(found.path, { width: 1180, height: 900 });
    page = await browser.context.newPage();
    page.on('pageerror', (error) => wrong.push(error.message));
    await world.openOutbox();
    await page.goto(world.slackApiUrl.replace('/api/', ''));
    await page.locator('body[data-ready]').waitFor();
  });
  afterAll(async () => {
    await browser?.close();
    await world?.close();
    await redis?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('shows board, question, difference, failure and report, and the report’s page by itself', async () => {
    const { log, seen } = world;
    log.push('PG-1', begun, ...doneFacts('preflight', 'enable-replication-flags', 'hold-schema-changes'));
    log.push(
      'PG-1',
      gateFact(
        'approve-cutover',
        [
          'stop inapp-workers, then inapp-web, close me-inapp-staging-pg15 to writers, promote me-inapp-staging-pg17',
          'deadline 120 s until the promotion is called; else the writes are given back',
          'lag at most 1.0 MB',
          'way back: rehearsed and ready',
        ],
        {
          question: 'Stop the writes now and switch to the new instance?',
          shown: ['lag now 0 B in 4 slots', 'promotion called after about 9.2 s', 'last validation: 214,511 rows in 1.1 s'],
          expiresAt: Date.now() + 1_800_000,
        },
      ),
    );
    const gate = await seen((one) => buttons(one).includes('gate:approve'));
    await page.locator('#board').getByText('Waiting for').first().waitFor();
    await page.locator('#board').screenshot({ path: join(folder, 'pinned.png') });
    await picture('gate', gate.ts);

    log.push(
      'PG-1',
      {
        type: 'gate.decided',
        gate: 'approve-cutover',
        nonce: 'n-approve-cutover',
        decision: 'approved',
        by: ['U0APPROVER'],
        planHash: 'hash',
      },
      ...doneFacts('approve-cutover'),
      { type: 'deadline.set', dueAt: Date.now() + 120_000 },
      ...doneFacts('fence-source'),
      { type: 'step.started', step: 'validate', attempt: 1, token: 9 },
      {
        type: 'step.blocked',
        step: 'validate',
        code: 'validation.differs',
        reason: '1 difference in 29 tables, 214,511 rows. Writes are OFF.',
        remedy: 'The writes are given back. Look at the list, put it right, then start the cutover again.',
        fate: 'human',
        undoing: false,
        exhibits: [
          {
            title: 'What was compared',
            table: [
              ['', 'source', 'destination'],
              ['public.campaign', '18,204 rows', '18,204 rows'],
            ],
          },
          { title: 'public.campaign, id = 88123', lines: ['- priority 3', '+ priority 4'] },
        ],
        file: { name: 'differences.csv', content: 'table,key,column,source,destination\npublic.campaign,88123,priority,3,4\n' },
      },
      { type: 'give-back.begun', reason: 'source and destination differ' },
      { type: 'writes.given-back', offForMs: 4_200 },
    );
    const failure = await seen((one) => one.threadTs !== undefined && shown(one).includes('validation.differs'));
    const difference = await seen((one) => one.broadcast === true && shown(one).includes('priority 4') && one.ts !== failure.ts);
    await picture('failure', failure.ts);
    await picture('diff', difference.ts);

    log.push(
      'PG-1',
      { type: 'retry.requested', step: 'approve-cutover', by: 'U0OPERATOR' },
      ...doneFacts('approve-cutover'),
      { type: 'deadline.set', dueAt: Date.now() + 120_000 },
      { type: 'fact.recorded', step: 'validate', key: 'lag', value: { at: Date.now() - 60_000, bytes: 48_000_000 } },
      { type: 'fact.recorded', step: 'validate', key: 'lag', value: { at: Date.now() - 30_000, bytes: 900_000 } },
      { type: 'fact.recorded', step: 'validate', key: 'drained', value: { lag: [{ at: Date.now(), bytes: 0 }] } },
      ...doneFacts('fence-source', 'validate'),
      { type: 'promotion.called' },
      ...doneFacts('promote-destination', 'start-services', 'remove-migration'),
      { type: 'run.finished' },
    );
    const report = await seen((one) => one.broadcast === true && shown(one).includes('sealed'));
    await picture('report', report.ts);
    const file = await seen((one) => one.files.some(({ name }) => name === 'PG-1-report.html'));
    const html = world.slack.state.files.get(file.files[0]?.id ?? '')?.content;
    await writeFile(join(folder, 'report.html'), html ?? '');
    await page.goto(`file://${join(folder, 'report.html')}`);
    await page.getByRole('heading', { name: 'Outages by cause' }).waitFor();
    expect(await page.getByRole('img', { name: 'How long each phase took' }).isVisible()).toBe(true);
    const lag = page.getByRole('img', { name: /^Replication lag, at most .+, 0 B at the end$/ });
    expect(await lag.isVisible()).toBe(true);
    // A line that is really there: one of three points, with a width.
    expect(await lag.locator('circle').count()).toBe(3);
    expect((await lag.boundingBox())?.width).toBeGreaterThan(100);
    expect(await page.locator('li', { hasText: 'Validate: stopped (validation.differs)' }).count()).toBe(1);
    expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true);
    await page.emulateMedia({ media: 'print' });
    expect(await page.evaluate("getComputedStyle(document.querySelector('pre')).maxHeight")).toBe('none');
    expect(wrong).toEqual([]);
  });
});
