import { expect } from 'vitest';
import type { FactBody } from '../../src/engine/facts.ts';
import { readTrouble } from '../../src/slack/outbox-store.ts';
import { buttons, type ChannelWorld, shown } from './channel-world.ts';
import { gateFact } from './slack-runs.ts';

const note = (text: string): FactBody => ({ type: 'note', by: 'U0OPERATOR', text });
const question = () => gateFact('approve-cutover', ['revoke connect'], { expiresAt: Date.now() + 1_800_000 });

/** Slack goes away for so long in the middle of the run PG-1, whose board is there, and comes back; the channel must be complete then, in order, and hear. */
export async function awayFor(world: ChannelWorld, awayMs: number): Promise<void> {
  const posts = () => world.slack.state.messages.filter((one) => !one.ephemeral && !one.deleted);
  await world.openReceiver();
  await world.slack.waitForSockets(2);
  world.log.push('PG-1', note('remark 0'));
  await world.seen((one) => one.text.endsWith('remark 0'));
  await world.slack.goDown();
  const back = Date.now() + awayMs;
  for (let at = 1; at <= 6; at += 1) {
    world.log.push('PG-1', note(`remark ${at}`));
    await new Promise((resolve) => setTimeout(resolve, awayMs / 7));
  }
  world.log.push('PG-1', question());
  await expect.poll(async () => (await readTrouble(world.redis, 'PG-1'))?.code).toMatch(/^E/);
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, back - Date.now())));
  await world.slack.comeBack();
  const card = await world.seen((one) => buttons(one).includes('gate:approve'));
  await world.seen((one) => one.text.endsWith('remark 6'));
  expect(posts().flatMap((one) => /remark \d/.exec(one.text) ?? [])).toEqual(Array.from({ length: 7 }, (_, at) => `remark ${at}`));
  expect(posts().filter((one) => one.text.startsWith('(repeat)'))).toEqual([]);
  await world.slack.waitForSockets(1);
  expect(await world.slack.human.click('approver', card.ts, 'gate:approve', { confirm: true })).toMatchObject({ ok: true });
  await world.seen((one) => one.ts === card.ts && shown(one).includes('Approved by'));
  await expect.poll(() => readTrouble(world.redis, 'PG-1')).toBeUndefined();
}
